"""What the worker can be asked, and what it answers: one dataclass a kind, which both sides import. Needs numpy alone.

    client.call(MapRequest(identity=i, expression=e, resolution=256)).answer.displacement        # (256, 256) float32 mm

| request | answered by | asked by |
|---|---|---|
| `MapRequest`, `MapsRequest`, `RandomMapRequest`, `InfoRequest` | `worker/handlers/maps.py` | whoever wants a map |
| `SpeechOpen`, `SpeechStep`, `SpeechEnd` | `worker/handlers/speech.py` | `client/task.py: SpeechTask` |
| `PhotoOpen`, `PhotoStep`, `PhotoEnd` | `worker/handlers/photo.py` | `client/task.py: PhotoTask` |
| those of `video_requests.py` | `worker/handlers/video.py` | `client/video_task.py: VideoTask` |
| `PortraitRequest` of `portrait_requests.py` | `worker/handlers/portrait.py` | the pictures of presets |
A new kind is a dataclass here and a function with `@handler(ItsRequest)` in `worker/handlers/`. Whoever changes a name
that travels raises `protocol.VERSION`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Self, TypeVar

import numpy as np

from ..speech.controls import Controls as SpeechControls
from .messages import Message
from .photo_answer import PhotoCamera as PhotoCamera
from .photo_answer import PhotoFace as PhotoFace

Answer = TypeVar("Answer", bound=Message)
_DEFAULT_CONTROLS = SpeechControls()


@dataclass(frozen=True, kw_only=True)
class Request(Message, Generic[Answer]):
    """One question to the worker. The type parameter is `ANSWER`, for type checkers."""

    KIND: ClassVar[str]
    """Its name on the wire, in logs and in messages to the user."""
    ANSWER: ClassVar[type[Message]]

    final: bool = False
    """The answer is of no use as soon as a newer request of the channel is made: it is then dropped, and left half way
    where it can be. Otherwise an answer that is overtaken is returned all the same, marked `stale`."""

    @classmethod
    def label(cls) -> str:
        """See `Message`."""
        return cls.KIND


@dataclass(frozen=True, kw_only=True)
class _Sliders(Message):
    """What a map is made of. In a request for many maps all arrays but gain and relief have a leading axis (B,)."""

    identity: np.ndarray
    """(n_id,) float32, standard deviations."""
    expression: np.ndarray
    """(n_exp,) float32, 0 to 1."""
    w_offset: np.ndarray | None = None
    """(18, 512) float32: a step in w+, from a photo."""
    relief: np.ndarray | None = None
    """(r, r) float32 mm added to the map, row 0 at the top: a photo's own wrinkles."""
    mix_identity: np.ndarray | None = None
    """(n_id,) float32: the person whose fine skin is taken."""
    gain: np.ndarray | None = None
    """(G, G) float32: factors of the displacement over the detail UV, row 0 at the top."""
    resolution: int | None = None
    """Texels a side, a power of two from 64 up to the weights' own (1024); None: the weights' own."""
    truncation: float = 1.0
    """psi of the truncation trick: 0 the average skin, 1 as learnt."""
    age: float = 0.0
    """Years added to the skin's age (`core/detail/controls.py`)."""
    mix_from: int = 128
    """Resolution (32 to 512) of the first generator block that takes the style of `mix_identity`."""


@dataclass(frozen=True, kw_only=True)
class MapAnswer(Message):
    """A map."""

    displacement: np.ndarray
    """(R, R) float32 mm, the face model's mask applied, row 0 at the top; (B, R, R) for many."""


@dataclass(frozen=True, kw_only=True)
class MapRequest(_Sliders, Request[MapAnswer]):
    """One map from one face's sliders (Eq. 4)."""

    KIND = "displacement"
    ANSWER = MapAnswer


@dataclass(frozen=True, kw_only=True)
class MapsRequest(_Sliders, Request[MapAnswer]):
    """Many maps in one go."""

    KIND = "displacements"
    ANSWER = MapAnswer

    @classmethod
    def of(cls, requests: Sequence[MapRequest], *, resolution: int | None = None, final: bool = False) -> Self:
        """Those of several faces or frames that differ in sliders, offset and mixed identity alone."""
        first = requests[0]

        def stacked(name: str) -> np.ndarray | None:
            one = getattr(first, name)
            return None if one is None else np.stack([getattr(request, name) for request in requests])

        return cls(
            identity=np.stack([request.identity for request in requests]),
            expression=np.stack([request.expression for request in requests]),
            w_offset=stacked("w_offset"), relief=first.relief, mix_identity=stacked("mix_identity"), gain=first.gain,
            resolution=resolution, truncation=first.truncation, age=first.age, mix_from=first.mix_from, final=final,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RandomMapAnswer(Message):
    """A map from z, and the w that it passed through."""

    displacement: np.ndarray
    """(R, R) float32 mm, the face model's mask applied."""
    w: np.ndarray
    """(512,) float32."""


@dataclass(frozen=True, kw_only=True)
class RandomMapRequest(Request[RandomMapAnswer]):
    """A map from z alone: what the generator knows, without the encoder (Eq. 1)."""

    KIND = "random"
    ANSWER = RandomMapAnswer

    seed: int = 0
    """0 or larger; one seed is one map on every device."""
    resolution: int | None = None
    """As in `MapRequest`."""
    truncation: float = 1.0
    """As in `MapRequest`."""


@dataclass(frozen=True)
class WeightsInfo:
    """The detail weights in use. sha256: by file."""

    name: str
    folder: str
    sha256: dict[str, str]
    resolution: int


@dataclass(frozen=True)
class FaceModelInfo:
    """The face model in use."""

    name: str
    path: str
    n_id: int
    n_exp: int
    vertices: int


@dataclass(frozen=True)
class MemoryInfo:
    """Megabytes: of the worker now, at its highest, and of the device at its highest; None where it cannot be told."""

    resident: float | None = None
    peak: float | None = None
    device_peak: float | None = None


@dataclass(frozen=True, kw_only=True)
class InfoAnswer(Message):
    """Versions, device, weights, face model, memory."""

    python: str
    """Path of the worker's Python."""
    python_version: str
    torch_version: str
    device: str
    """As torch names it."""
    device_name: str
    """As people name it."""
    device_note: str = ""
    """What to do for a graphics card, when this PyTorch was built without support for any; empty otherwise."""
    lacking: tuple[str, ...] = ()
    """Packages for sound, photos and videos that the worker's Python does not have."""
    devices: tuple[str, ...]
    """All that this torch sees."""
    weights_name: str
    weights: WeightsInfo
    face_model: FaceModelInfo
    memory_mb: MemoryInfo = MemoryInfo()


@dataclass(frozen=True, kw_only=True)
class InfoRequest(Request[InfoAnswer]):
    """What is loaded."""

    KIND = "info"
    ANSWER = InfoAnswer


@dataclass(frozen=True, kw_only=True)
class _OfTask(Message):
    task: str
    """The name that the client gave to the work that is done in steps (`client/task.py`)."""


@dataclass(frozen=True, kw_only=True)
class TaskEnded(Message):
    """Nothing is left of the work."""


@dataclass(frozen=True, kw_only=True)
class SpeechOpened(Message):
    """The sound can be read, nothing is computed yet."""

    seconds: float
    """Of sound."""
    weights: str
    """Name of the decoder's weights."""
    speakers: tuple[str, ...]
    """Styles that the weights know."""


@dataclass(frozen=True, kw_only=True)
class SpeechOpen(_OfTask, Request[SpeechOpened]):
    """Open a sound: either `path`, or `samples` with `rate`."""

    KIND = "speech"
    ANSWER = SpeechOpened

    task: str = ""
    """Given by `SpeechTask`."""
    path: str | None = None
    """A sound file."""
    samples: np.ndarray | None = None
    """(n,) or (n, channels) float32, -1 to 1."""
    rate: float | None = None
    """Of the samples, Hz."""
    begin: float = 0.0
    """Seconds into the file."""
    seconds: float | None = None
    """How much of the file from there; None: to its end."""
    fps: float | None = None
    """Frames a second of the curves; None: the decoder's own."""
    first: float = 0.0
    """Seconds into the sound at the first frame."""
    speaker: str | None = None
    """A style by its name, or a learnt one's card by its path; None: the first of the weights'."""
    controls: SpeechControls = _DEFAULT_CONTROLS
    weights: str | None = None
    """Folder of speech weights; None: those beside the detail weights, or else the shipped ones."""
    encoder: str | None = None
    """File of the speech encoder; None: the shipped one."""


@dataclass(frozen=True)
class Curves:
    """times (T,) float64 seconds; expression (T, 52) float32 in ARKit's order; rotations (T, 9) float32 radians in the
    order of `core/capture/track.py: ROTATION_NAMES`, or None; weights: the name of those that made them; notes: what
    had to be done to the sound, and what is missing of it; tip_up: (T,) float32 of tongueTipUp, or None."""

    times: np.ndarray
    expression: np.ndarray
    rotations: np.ndarray | None
    weights: str
    notes: tuple[str, ...] = ()
    tip_up: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class SpeechStepped(Message):
    """Some seconds of sound further."""

    share: float
    """How much is done, 0 to 1."""
    curves: Curves | None = None
    """With the last step."""


@dataclass(frozen=True, kw_only=True)
class SpeechStep(_OfTask, Request[SpeechStepped]):
    """Go on with a sound."""

    KIND = "speech_step"
    ANSWER = SpeechStepped


@dataclass(frozen=True, kw_only=True)
class SpeechEnd(_OfTask, Request[TaskEnded]):
    """Forget a sound, finished or not."""

    KIND = "speech_end"
    ANSWER = TaskEnded


@dataclass(frozen=True)
class Photo:
    """A file (path), or pixels (h, w, 1 to 4), uint8 or float32 sRGB, with a name for messages; box (left, top, width,
    height) around the face and pins (vertex, x, y) in the photo's own pixels, its first row being the top; which: 0 is
    the largest face."""

    path: str | None = None
    pixels: np.ndarray | None = None
    name: str = ""
    box: tuple[float, float, float, float] | None = None
    which: int = 0
    pins: tuple[tuple[int, float, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class PhotoOpened(Message):
    """The photos were read, nothing is computed yet."""

    stages: int
    """How many `PhotoStep` there are."""


@dataclass(frozen=True, kw_only=True)
class PhotoOpen(_OfTask, Request[PhotoOpened]):
    """Read one person's photos."""

    KIND = "photo"
    ANSWER = PhotoOpened

    task: str = ""
    """Given by `PhotoTask`."""
    pictures: tuple[Photo, ...]
    trust: float | None = None
    """How far the photo's own detail replaces the sliders', 0 to 1; None: `core/photo/choices.py: TRUST`."""
    refine: int = 0
    """Steps in which w+ is optimised to the photo's detail."""
    resolution: int = 1024
    """Texels a side of the texture."""
    keep_identity: tuple[tuple[int, float], ...] = ()
    """Sliders that stay: (index, value)."""
    keep_expression: tuple[tuple[int, float], ...] = ()
    """The same."""


@dataclass(frozen=True, kw_only=True)
class PhotoStepped(Message):
    """One stage further."""

    stage: str = ""
    """The name of the one that comes next."""
    face: PhotoFace | None = None
    """With the last step."""


@dataclass(frozen=True, kw_only=True)
class PhotoStep(_OfTask, Request[PhotoStepped]):
    """Compute the next stage."""

    KIND = "photo_step"
    ANSWER = PhotoStepped


@dataclass(frozen=True, kw_only=True)
class PhotoEnd(_OfTask, Request[TaskEnded]):
    """Forget the photos, finished or not."""

    KIND = "photo_end"
    ANSWER = TaskEnded

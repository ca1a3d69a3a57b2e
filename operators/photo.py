"""Face from Image: photos of a person to sliders, detail, colours and a camera; points to pin; and all of it away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..core.backend import needs
from ..core.backend.client.task import PhotoTask
from ..core.backend.requests import Photo, PhotoFace, PhotoOpen
from ..core.errors import DnpmError
from ..core.photo.choices import SUFFIXES
from .base import FaceOperator
from .long import BackgroundOperator, FileOperator, Work, scene_of
from .scene import names, session
from .scene.face import models, slider_values
from .scene.photo import photos, pictures, point_handles

if TYPE_CHECKING:
    from .properties.photo import PhotoItem

_LABELS = {
    "reading": "reading", "landmarks": "looking for the face", "fit": "fitting the face",
    "texture": "taking its colours", "detail": "making detail",
}  # fmt: skip
_FILES = ";".join(f"*{suffix}" for suffix in SUFFIXES)


class _FromPhotos(BackgroundOperator):
    """Photos through the worker; the scene changes when all is there."""

    own_heads = False
    action, modules = "read photos", needs.PHOTOS

    def photos(self, face: bpy.types.Object) -> tuple[list[Photo], list[str]]:
        """What is sent, and the names of the images of this file that they are (empty: none). Raises DnpmError."""
        raise NotImplementedError

    def work(self, context: bpy.types.Context, face: bpy.types.Object) -> Work:
        model = models.model_of(face)
        group, scene_uid = getattr(face, names.PHOTO), context.scene.session_uid
        uid, name = face.session_uid, face.name
        sent, images = self.photos(face)
        kept_identity, kept_expression = photos.locks(face, model)
        request = PhotoOpen(
            pictures=tuple(sent), trust=1.0, refine=group.refine, keep_identity=kept_identity,
            keep_expression=kept_expression,
        )  # fmt: skip
        task = PhotoTask(session.usable_client(), request)
        try:
            while (made := task.advance()) is None:
                waking = session.status().state == "starting"
                yield task.share, "loading the networks" if waking else _LABELS.get(task.stage, task.stage)
        finally:
            task.cancel()
        backgrounds = [bpy.data.images.get(image) if image else None for image in images]
        photos.write(slider_values.still_there(uid, name), scene_of(scene_uid), made, backgrounds)
        return self._report_result(made)

    def _report_result(self, made: PhotoFace) -> str:
        for camera in made.cameras:
            for note in camera.notes:
                self.report({"WARNING"}, f"{Path(camera.name).name}: {note}")
        errors = ", ".join(f"{100 * camera.error:.1f} %" for camera in made.cameras)
        seconds = sum(made.seconds.values())
        return (
            f"Fitted in {seconds:.1f} s; landmarks are off by {errors} of the distance between the eyes; "
            f"detail from {made.detail_from}"
        )


class DNPM_OT_face_from_image(FileOperator, _FromPhotos, bpy.types.Operator):
    """Make this face the person of a photo: sliders, detail, colours, and a camera that sees it as the photo's did. Choose several photos of one person to fit them together; expression and detail come from the first, colours too as far as it shows the skin. Esc leaves the scene as it was"""  # noqa: E501 -- what Blender shows

    bl_idname = "dnpm.face_from_image"
    bl_label = "Face from Image"

    filepath: bpy.props.StringProperty(
        name="File", description="A photo. Empty: what the panel names", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    directory: bpy.props.StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
    files: bpy.props.CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})
    filter_glob: bpy.props.StringProperty(default=_FILES, options={"HIDDEN", "SKIP_SAVE"})
    box: bpy.props.FloatVectorProperty(
        name="Box", description="Around the face: left, top, width, height in the photo's pixels; 0: look for it",
        size=4, default=(0.0, 0.0, 0.0, 0.0), options={"SKIP_SAVE"},
    )  # fmt: skip

    def has_file(self, context: bpy.types.Context) -> bool:
        """See `FileOperator`."""
        group = getattr(context.active_object, names.PHOTO)
        return group.source != "FILE" or bool(self.filepath or group.filepath)

    def photos(self, face: bpy.types.Object) -> tuple[list[Photo], list[str]]:
        """See `_FromPhotos`."""
        group = getattr(face, names.PHOTO)
        named = [str(Path(self.directory) / file.name) for file in self.files if self.directory and file.name]
        paths = named or [path for path in (self.filepath, group.filepath) if path.strip()][:1]
        box = tuple(self.box) if self.box[2] or self.box[3] else None
        which = group.which - 1
        if box is not None and len(paths) > 1:
            raise DnpmError("a box holds for one photo; choose one, or leave the box out")
        if not self.filepath and not named and group.source == "IMAGE":
            image = group.image
            if image is None:
                raise DnpmError("choose an image of this file first, or a photo's file")
            return [Photo(pixels=pictures.pixels_of(image), name=image.name, box=box, which=which)], [image.name]
        if not paths:
            raise DnpmError("choose a photo first (jpg, png, tif or webp)")
        sent = [Photo(path=bpy.path.abspath(path), box=box, which=which) for path in paths]
        return sent, [""] * len(sent)


class DNPM_OT_fit_photo_again(_FromPhotos, bpy.types.Operator):
    """Fit the same photos again: points that were dragged are pinned, locked sliders stay"""

    bl_idname = "dnpm.fit_photo_again"
    bl_label = "Fit Again"

    def photos(self, face: bpy.types.Object) -> tuple[list[Photo], list[str]]:
        """See `_FromPhotos`."""
        group, model = getattr(face, names.PHOTO), models.model_of(face)
        items = [item for item in group.photos if item.image is not None]
        if not items:
            raise DnpmError(f"{face.name}: has no photos, or their images were deleted: press Face from Image")
        sent = [
            Photo(
                pixels=pictures.pixels_of(item.image), name=item.name, which=group.which - 1,
                pins=_in_picture(point_handles.pins(item, model), item),
            )
            for item in items
        ]  # fmt: skip
        return sent, [item.image.name for item in items]


class DNPM_OT_photo_points(FaceOperator, bpy.types.Operator):
    """Show points of the face over its photo: drag one to where it belongs in the camera's view, then press Fit Again. When they are shown, take them away"""  # noqa: E501 -- what Blender shows

    bl_idname = "dnpm.photo_points"
    bl_label = "Points to Pin"

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        model = models.model_of(face)
        if point_handles.are_shown(face):
            point_handles.hide(face)
        elif (model.landmarks68 < 0).any():
            raise DnpmError(f"{model.name}: this face model has no landmarks that could be pinned")
        elif not point_handles.show(face, model):
            raise DnpmError(f"{face.name}: has no photo with a camera: press Face from Image first, with Camera on")


class DNPM_OT_look_through(FaceOperator, bpy.types.Operator):
    """Look at the face through the photo's camera, with the photo behind it"""

    bl_idname = "dnpm.look_through"
    bl_label = "Look Through Camera"
    edits = False

    photo: bpy.props.IntProperty(name="Photo", description="Which of the photos, counted from 0", default=0, min=0)

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        items = getattr(face, names.PHOTO).photos
        camera = items[self.photo].camera if self.photo < len(items) else None
        if camera is None or not camera.users_scene:
            raise DnpmError(f"{face.name}: this photo has no camera (any more): press Face from Image, with Camera on")
        context.scene.camera = camera
        space = context.space_data
        if isinstance(space, bpy.types.SpaceView3D) and space.region_3d is not None:
            space.region_3d.view_perspective = "CAMERA"


class DNPM_OT_remove_photo(FaceOperator, bpy.types.Operator):
    """Take the photo's detail, colours and cameras off the face; its sliders stay"""

    bl_idname = "dnpm.remove_photo"
    bl_label = "Remove Photo"

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        photos.remove(face)


def _in_picture(
    pins: tuple[tuple[int, float, float], ...], item: PhotoItem
) -> tuple[tuple[int, float, float], ...]:  # fmt: skip
    """Pixels of the picture that was fitted -> of the image that is sent again, which may be larger."""
    factor = item.image.size[0] / item.size[0]
    return tuple((vertex, x * factor, y * factor) for vertex, x, y in pins)


CLASSES = (
    DNPM_OT_face_from_image,
    DNPM_OT_fit_photo_again,
    DNPM_OT_photo_points,
    DNPM_OT_look_through,
    DNPM_OT_remove_photo,
)

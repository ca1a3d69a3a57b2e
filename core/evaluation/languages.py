"""Do lips close in other languages: m, b and p of sentences that espeak-ng's voices speak.

dnpm evaluate languages                          the shipped weights, every language of the list
dnpm evaluate languages --only es,ko --json      some of them

The layer for m, b and p has heard other sentences of en, de, fr, ja, cmn, it, ru and ar by other voices (`dnpm train
speech-lips`), none of es, pt, ko and hi. Nothing was learnt from these sentences; its thresholds were chosen on others,
but with this table in view. Each voice speaks the sentences with pauses between. Times of the phones are espeak-ng's,
less the 17 ms by which it tells them late.

closure         share of m, b and p that close, as closure_q10 of `dnpm evaluate speech`
missed          those that do not, by sound
shut_vowels     share of vowels in whose middle the lips are as near to each other: closures where none should be
silence_rms     root mean square of jaw and mouth where the sound has been silent for 0.3 s
"""

from __future__ import annotations

import argparse
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..capture.track import CurveTrack
from ..errors import DnpmError
from ..speech import silence
from ..speech.audio import RATE, Samples
from ..speech.contact import opening
from ..speech.resample import resampled
from ..training.speech import espeak
from ..training.speech.voices import ESPEAK_LATE_S
from . import speech_measures as measures
from .speech_measures import BILABIALS, CLOCK, Phone

if TYPE_CHECKING:
    from ..speech.animate import Animator

PURPOSE = "lips that close on m, b and p, by language, in sentences of espeak-ng's voices"
SENTENCES: dict[str, tuple[str, ...]] = {
    "en": ("My mother bought a big blue umbrella.", "People climb up the bumpy mountain path.",
           "Bob put the paper map beneath the lamp.", "A simple problem became a bitter battle."),
    "de": ("Mein Papa baut am Abend eine Burg.", "Bitte bring mir bald den bunten Pullover.",
           "Das Baby probiert Marmelade und Birnenkompott.", "Im Park spielen beide Buben mit dem Ball."),
    "fr": ("Ma mère m'apporte une belle pomme.", "Le bébé boit un bol de potage.",
           "Pourquoi le bateau part-il sans pilote ?", "Mon ami Paul habite près du pont blanc."),
    "ja": ("びじゅつかんでぼくはパンフレットをもらいました。", "ぶどうとみかんをまいにちたべます。",
           "ピンクのぼうしはまだみつかりません。", "ばんばんともんをたたくひとがいます。"),
    "cmn": ("妹妹抱着白色的布包。", "爬坡的人跑得比马慢。", "爸爸每年八月播种棉花。", "门边摆满了葡萄和苹果。"),
    "es": ("Mi madre prepara pan para papá.", "El hombre compra una bomba de bambú.",
           "Pablo bebe vino blanco en el pueblo.", "También pinta barcos para su primo."),
    "it": ("Il bambino mangia pane e burro.", "La mamma compra mele e banane al supermercato.",
           "Pippo beve un bicchiere di birra bionda.", "Domani prepariamo la pasta per i bambini."),
    "pt": ("A minha mãe prepara um bolo para o bebê.", "O pai compra pão e batatas no campo.",
           "Um homem pobre bebe água da bomba.", "O barco passa por baixo da ponte branca."),
    "ru": ("Мама купила белый хлеб и пирог.", "Бабушка пьёт молоко с малиной.",
           "Папа забыл большую коробку под берёзой.", "Мой брат поймал рыбу в пруду."),
    "ko": ("엄마가 아빠와 밥을 먹습니다.", "바람이 불면 나무가 많이 움직입니다.",
           "비 오는 봄밤에 편지를 받았습니다.", "빨간 풍선 백 개를 샀습니다."),
    "hi": ("मेरा भाई बाज़ार में फल बेचता है।", "माँ ने बच्चे को पानी पिलाया।",
           "बड़ी बिल्ली पेड़ पर बैठी है।", "पिताजी ने अपना पुराना मकान बदल दिया।"),
    "ar": ("باب البيت مفتوح والمطبخ كبير.", "أمي تحب البحر والجبل.",
           "ذهب محمد مع أبي إلى المكتبة.", "شربت البنت حليبا باردا في المساء."),
}  # fmt: skip
"""By espeak-ng's name of the language, full of m, b and p; of our own making."""
VARIANTS = ("+f1", "+m1", "+f5")
_PAUSE_S = 0.7
_VOWELS = frozenset("aeiouyɑɒæʌɐəɔɛɜɚɝɪɨʊʉɯøœɵɘᵻɤ")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which languages, which encoder's file."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", metavar="LANGUAGES", help=f"with commas between, of {', '.join(SENTENCES)}")


def evaluate(args: argparse.Namespace) -> dict[str, Any]:
    """Language -> its figures. Raises DnpmError without espeak-ng, or on a language that is not in the list."""
    wanted = [name.strip() for name in args.only.split(",")] if args.only else list(SENTENCES)
    if unknown := [name for name in wanted if name not in SENTENCES]:
        raise DnpmError(f"--only {', '.join(unknown)}: is not in the list: {', '.join(SENTENCES)}")
    if not espeak.available():
        raise DnpmError("espeak-ng is not installed (package libespeak-ng1)")
    from ..speech.animate import open_animator

    animator = open_animator(args.weights)
    return {"weights": animator.name, "languages": {name: of_language(name, animator) for name in wanted}}


def of_language(language: str, animator: Animator) -> dict[str, Any]:
    """Figures over the language's sentences by all voices."""
    from ..speech.animate import animate

    closed: list[tuple[str, bool]] = []
    shut: list[bool] = []
    still: list[float] = []
    for variant in VARIANTS:
        samples, phones = spoken(language, variant)
        track = animate(Samples(samples, RATE), animator).track
        lips, vowels = closures(track, phones)
        closed += lips
        shut += vowels
        rms = measures.silence(track, silence.silent_for(silence.levels([samples]))).value
        still += [] if rms is None else [rms]
    missed = Counter(name for name, right in closed if not right)
    return {
        "closure": round(float(np.mean([right for _, right in closed])), 4), "bilabials": len(closed),
        "missed": {name: f"{missed[name]} of {sum(n == name for n, _ in closed)}" for name in sorted(BILABIALS)},
        "shut_vowels": round(float(np.mean(shut)), 4), "vowels": len(shut),
        "silence_rms": round(float(np.mean(still)), 4) if still else None,
    }  # fmt: skip


def spoken(language: str, variant: str) -> tuple[np.ndarray, list[Phone]]:
    """(n,) sound at 16 kHz of the sentences, with pauses between, and its phones: M, B, P, AH for vowels, T for all
    other consonants, SIL."""
    parts: list[np.ndarray] = []
    phones: list[Phone] = []
    begin = 0.0
    for text in SENTENCES[language]:
        raw, events, rate = espeak.say(text, language + variant)
        sound = np.concatenate([*resampled(iter([raw]), rate), np.zeros(round(_PAUSE_S * RATE), np.float32)])
        ends = [*(start for start, _ in events[1:]), len(raw) / rate]
        for (start, symbol), end in zip(events, ends, strict=True):
            first, last = (begin + max(0.0, t - ESPEAK_LATE_S) for t in (start, end))
            phones.append(Phone(first, last, _name(symbol)))
        parts.append(sound)
        begin += len(sound) / RATE
    return np.concatenate(parts), phones


def closures(track: CurveTrack, phones: list[Phone]) -> tuple[list[tuple[str, bool]], list[bool]]:
    """Of each m, b and p its name and whether it closes; of each vowel whether lips are as near in its middle."""
    times = np.arange(0, track.times[-1], 1 / CLOCK)
    lips = opening(measures.at_times(track, times))
    speaking = np.zeros(len(times), bool)
    for phone in phones:
        speaking |= (times >= phone.start) & (times < phone.end) & (phone.name != "SIL")
    near = np.percentile(lips[speaking], 10) + 1e-3
    closed, shut = [], []
    for phone in phones:
        inside = lips[(times >= phone.start) & (times < phone.end)]
        if not len(inside):
            continue
        if phone.name in BILABIALS:
            closed.append((phone.name, bool(inside.min() <= near)))
        elif phone.name in measures.VOWELS:
            shut.append(bool(inside[len(inside) // 2] <= near))
    return closed, shut


def table(result: dict[str, Any]) -> str:
    """For reading."""
    lines = [f"{result['weights']}   closure   of   shut vowels   silence rms   missed"]
    for name, one in result["languages"].items():
        missed = ", ".join(f"{sound.lower()} {count}" for sound, count in one["missed"].items())
        still = "-" if one["silence_rms"] is None else f"{one['silence_rms']:.3f}"
        lines.append(
            f"{name:<18}{one['closure']:7.2f}{one['bilabials']:5d}{one['shut_vowels']:14.2f}{still:>14}   {missed}"
        )
    return "\n".join(lines)


def _name(symbol: str) -> str:
    bare = symbol.strip().lstrip("ˈˌ")
    if not bare or bare.startswith("_"):
        return "SIL"
    if bare[0] in "mbp":
        return bare[0].upper()
    return "AH" if bare[0] in _VOWELS else "T"

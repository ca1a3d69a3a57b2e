"""Teaches which frames are an m, b or p, in any language: `LipsLayer` in `core/speech/readout.py`.

The decoder learnt English: it shuts the lips for every m, but takes many a b or p of other languages, voiceless,
breathed or palatal as they are there, for something else. The encoder's features do tell them, five at once better than
one: how a stop is released says where it was shut. espeak-ng's voices speak the sentences below, English ones speak the
grammar's; captured takes add lips that shut in real speech. The last sentence of each language and the takes that are
held out are for the scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ...speech import contact, silence
from ...speech.audio import load
from ...speech.encoders import SpeechEncoder
from ...speech.encoders.windows import at_rate
from ...speech.readout import LipsLayer
from ...speech.resample import resampled
from . import espeak
from .captures import Take, resampled_curves
from .perceptron import around, fitted
from .readout import in_noise
from .sentences import sentence
from .voices import ESPEAK_LATE_S, Voice

SENTENCES: dict[str, tuple[str, ...]] = {
    "de": (
        "Der Bäcker probiert eine süße Pflaume im Hof.", "Wir haben viele Probleme mit dem alten Computer.",
        "Am Montag kommt mein Bruder mit dem Bus aus Bonn.", "Peter kauft Brot, Butter und ein paar Birnen.",
        "Die Lampe brennt, aber das Zimmer bleibt dunkel.", "Sie liebt große Berge und lange Abende am Meer.",
        "Opa baut im Mai ein Boot aus Pappe.",
    ),
    "fr": (
        "Je prends un bus pour aller à la plage demain.", "La petite boîte bleue est sous la table.",
        "Combien de personnes habitent à Paris ?", "Il parle beaucoup et il mange peu.",
        "Nous aimons la pluie et les grands arbres.", "Un homme aimable porte un chapeau blanc.",
        "Ma maman prépare un bon repas pour Paul.",
    ),
    "ja": (
        "さくらがきれいにさいています。", "ばんごはんにパスタとピザをたべました。",
        "まいあさバスでびょういんへいきます。",
        "このみせのパンはとてもおいしいです。", "かばんのなかにほんとペンがあります。", "みみとめとはながあります。",
        "ぼくのともだちはまいばんピアノをひきます。",
    ),
    "cmn": (
        "北京的冬天比上海冷。", "他不喜欢跑步，喜欢爬山。", "朋友帮我买了一本漂亮的笔记本。",
        "明天下午我们去公园拍照片。", "请把门关上，不要怕。", "她每天早上喝一杯白开水，吃面包。",
        "奶奶在旁边剥苹果皮。", "这个杯子便宜，那个盘子贵。", "爸爸明天不怕跑步。",
    ),
    "it": (
        "Il papà porta il bambino al mare.", "Abbiamo bisogno di un ombrello.", "La bomba di pomodoro è molto buona.",
        "Le barche bianche partono dal porto.", "Mia moglie compra il pesce e le pere.",
        "Un lampo improvviso ha spaventato il popolo.", "Prima di partire beviamo un buon bicchiere d'acqua.",
    ),
    "ru": (
        "Папа пишет письмо бабушке.", "Мы любим белых медведей и пингвинов.", "Бабочка летит над большим полем.",
        "Пожалуйста, передай мне хлеб и масло.", "Быстрый поезд прибыл в Петербург.",
        "Мальчик бросил камень в бочку с водой.", "Перед обедом мама всегда моет посуду.",
    ),
    "ar": (
        "أحب أن ألعب بالكرة مع أمي.", "البيت الكبير قريب من المسجد.", "ماما تطبخ البطاطا بالزبدة.",
        "كتب بلال مكتوبا باللغة العربية.", "مبارك عليك الباب الجديد.", "برد الماء في البئر.",
        "بنى أبو بكر مسبحا بعيدا عن المدينة.",
    ),
}  # fmt: skip
"""By espeak-ng's name of the language: short, full of bilabials, of our own making."""
VARIANTS = ("+f2", "+m3", "+f4")
_WEIGHTS = (1.0, 2.0)
"""Of frames that are none, and that are one, in the loss."""
_LEAD_S = 0.03
"""Before a stop is heard, the lips have been shut for about so long."""
_UNSURE_S = 0.06
"""Frames this near to a bilabial that are not its own count for nothing."""
_BESIDE_S, _SOON_S = 1 / 30, 0.1
_SHUT, _APART, _OPENED = 0.02, 0.06, 0.08
"""Openings of a take: lips that are shut; that are surely apart; that were or will be open within a tenth of a second,
else the mouth rests."""
_SPEECH_DB = 30.0
SURE = 0.7
Row = tuple[np.ndarray, np.ndarray, str, bool]
"""Features (n, width), 1 in a bilabial and 0 elsewhere, NaN where unsure (n,), the language, held out."""


def spoken(
    encoder: SpeechEncoder, voices: Sequence[Voice], sentences: int, seed: int
) -> Iterator[Row]:  # fmt: skip
    """Synthetic voices, a third of them in noise. sentences: English ones of each voice."""
    rng = np.random.default_rng(seed)
    for k, (samples, bounds, language, held) in enumerate(_said(voices, sentences, seed, rng)):
        heard = in_noise(rng, samples, rng.uniform(10, 30)) if k % 3 == 1 else samples
        features = encoder.features(np.asarray(heard, np.float32))
        yield features, truth_of(len(features), encoder.rate, bounds), language, held


def _said(
    voices: Sequence[Voice], sentences: int, seed: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, list[tuple[float, float, str]], str, bool]]:  # fmt: skip
    """Sound at 16 kHz, (begin s, end s, m, b or p) of its bilabials, the language, held out."""
    for language, texts in SENTENCES.items():
        for variant in VARIANTS:
            for place, text in enumerate(texts):
                raw, events, rate = espeak.say(text, language + variant, float(rng.uniform(0.85, 1.15)))
                ends = [*(start for start, _ in events[1:]), len(raw) / rate]
                bounds = [
                    (max(0.0, start - ESPEAK_LATE_S), max(0.0, end - ESPEAK_LATE_S), bare[0])
                    for (start, symbol), end in zip(events, ends, strict=True)
                    if (bare := symbol.strip().lstrip("ˈˌ"))[:1] in ("m", "b", "p")
                ]
                yield np.concatenate(list(resampled(iter([raw]), rate))), bounds, language, place == len(texts) - 1
    for v, voice in enumerate(voices):
        for k in range(sentences):
            said = voice.say(sentence(seed + 11, v * sentences + k), float(rng.uniform(0.9, 1.1)))
            named = [(p.start, p.end, p.name.lower()) for p in said.phones if p.name in ("M", "B", "P")]
            yield said.samples, named, "en", v % 5 == 2


def truth_of(count: int, rate: float, bounds: list[tuple[float, float, str]]) -> np.ndarray:
    """(count,): 1 while the lips are shut, NaN around."""
    times, truth = np.arange(count) / rate, np.zeros(count)
    spans = [(begin - (0.0 if name == "m" else _LEAD_S), end) for begin, end, name in bounds]
    for begin, end in spans:
        truth[(times >= begin - _UNSURE_S) & (times < end + _UNSURE_S)] = np.nan
    for begin, end in spans:
        inside = (times >= begin) & (times < end)
        if not inside.any() and count:
            inside[min(max(round((begin + end) / 2 * rate), 0), count - 1)] = True
        truth[inside] = 1
    return truth


def captured(encoder: SpeechEncoder, take: Take, rate: float, held: bool) -> Row:
    """A take: lips that shut between openings, heard; 0 where they stay apart, NaN elsewhere."""
    samples = load(take.sound)
    features = np.concatenate(list(at_rate(encoder.stream([samples]), encoder.rate, rate)))
    count = min(len(features), int(take.track.times[-1] * rate) + 1)
    times = np.arange(count) / rate
    lips = contact.opening(resampled_curves(take.track, times))
    level = silence.levels([samples])
    heard = np.interp(times, np.arange(len(level)) / silence.LEVEL_RATE, level) > np.percentile(level, 95) - _SPEECH_DB
    truth = np.full(count, np.nan)
    truth[_around(lips, round(_BESIDE_S * rate), np.min) > _APART] = 0
    truth[(lips < _SHUT) & (_around(lips, round(_SOON_S * rate), np.max) > _OPENED) & heard] = 1
    return features[:count], truth, f"take {take.name}", held


def _around(values: np.ndarray, reach: int, what: Callable[..., np.ndarray]) -> np.ndarray:
    """(T,): smallest or largest of the values at most `reach` frames away."""
    padded = np.pad(values, reach, mode="edge")
    return what(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1), axis=1)


def train(rows: Iterator[Row], seed: int) -> tuple[LipsLayer, dict[str, float]]:
    """The layer; by language the share of held-out frames found, and wrongly found."""
    heard, truths = [], []
    held_out: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for features, truth, language, held in rows:
        use = np.isfinite(truth)
        if held:
            held_out.setdefault(language, []).append((around(features)[use], truth[use]))
        else:
            heard.append(around(features)[use].astype(np.float16))
            truths.append(truth[use].astype(np.int64))
    layer = LipsLayer(*fitted(np.concatenate(heard), np.concatenate(truths), _WEIGHTS, seed))
    scores: dict[str, float] = {}
    for language, parts in held_out.items():
        said = np.concatenate([layer.of_around(features)[:, 1] for features, _ in parts]) > SURE
        right = np.concatenate([truth for _, truth in parts]) > 0
        scores[f"bilabial found {language}"] = round(float(said[right].mean()), 4)
        scores[f"bilabial wrongly {language}"] = round(float(said[~right].mean()), 4)
    return layer, scores

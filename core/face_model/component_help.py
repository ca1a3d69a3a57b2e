"""What each identity slider of the default model changes, in a sentence: the sidebar's tooltips.

Shape components without a name of their own are told by what they change most: the first three of the measures that
they move furthest for their spread among people, taken on the average face (`build/labels.py` has the measures;
tests/core/face_model/test_component_help.py takes them again). Skin components: what the teacher makes of them.
"""

from __future__ import annotations

_NAMED = {
    "Age": "How old the face is: thinner lips, narrower eyes, and lines in the skin, which have sliders of their own",
    "Masculine": "From a woman's face to a man's: above 0 a larger head, a wider neck and a longer face",
    "Caucasian": "European ancestry, as MakeHuman's data model it: above 0 a sloping forehead, a deeper nose and a "
    "stronger brow ridge",
    "Asian": "East Asian ancestry, as MakeHuman's data model it: above 0 a flatter brow, slanted eyes and a mouth "
    "further back",
    "African": "African ancestry, as MakeHuman's data model it: above 0 a wider nose and a mouth further forward",
    "Chin forward": "Above 0 the chin comes forward and the face grows wider; below 0 the chin recedes",
    "Face width": "Above 0 a wide face with full cheeks and a wide jaw; below 0 a narrow one",
    "Forehead slope": "Above 0 the forehead slopes back and the chin is longer; below 0 it is steep",
    "Eye slant": "Above 0 the outer corners of the eyes rise and the lips are fuller; below 0 the eyes droop",
    "Chin length": "Above 0 a long chin that lies further back; below 0 a short one",
    "Full cheeks": "Above 0 full cheeks and a wider jaw; below 0 hollow cheeks",
}
_UNNAMED = {
    "Identity 11": "narrow nose, thin lips, flat brow", "Identity 12": "mouth low, face length, nose width",
    "Identity 13": "eyes open, chin forward, brow ridge", "Identity 15": "mouth low, receding chin, short chin",
    "Identity 16": "jaw width, mouth width, short chin", "Identity 17": "ear size, mouth width, chin forward",
    "Identity 18": "ear size, eyes narrow, small mouth", "Identity 19": "nose length, mouth high, nose depth",
    "Identity 20": "brow ridge, brow height, small mouth", "Identity 21": "brow height, brow ridge, mouth width",
    "Identity 22": "mouth width, receding chin, narrow nose", "Identity 23": "small ears, full lips, eye slant",
    "Identity 24": "narrow nose, small mouth, nose length", "Identity 25": "nose width, close-set eyes, brow height",
    "Identity 26": "mouth width, eyes open, brow ridge", "Identity 27": "ear size, small mouth, thin lips",
    "Identity 28": "chin forward, narrow nose, thin lips", "Identity 29": "low brow, nose width, eye distance",
    "Identity 30": "brow height, brow ridge, close-set eyes",
    "Identity 31": "close-set eyes, narrow nose, mouth width", "Identity 32": "eye distance, thin lips, low brow",
    "Identity 33": "full lips, eyes open, flat nose", "Identity 34": "small mouth, flat nose, full lips",
    "Identity 35": "low brow, short nose, eye distance", "Identity 36": "nose length, flat nose, narrow nose",
    "Identity 37": "nose length, narrow nose, full lips", "Identity 38": "narrow nose, low brow, short nose",
    "Identity 39": "eyes narrow, nose depth, flat brow", "Identity 40": "thin lips, nose width, chin forward",
    "Identity 41": "narrow nose, mouth low, eyes narrow", "Identity 42": "full lips, eyes open, short chin",
    "Identity 43": "eyes open, full lips, narrow nose", "Identity 44": "eye distance, eyes narrow, low brow",
    "Identity 45": "low brow, eye distance, eyes narrow", "Identity 46": "eye slant, mouth back, flat brow",
    "Identity 47": "full lips, low brow, eyes narrow", "Identity 48": "full lips, mouth forward, short chin",
    "Identity 49": "eyes open, thin lips, narrow jaw", "Identity 50": "full lips, eyes drooping, short chin",
}  # fmt: skip
"""Label -> what the face gets more of above 0."""
_SKIN = {
    "Forehead lines": "How deep the forehead's lines are, and how early they show",
    "Forehead line count": "From one line across the forehead to many",
    "Forehead line height": "Whether the forehead's lines lie above the brows or high up",
    "Forehead line breaks": "From lines that run across to short ones that are interrupted",
    "Frown lines": "How deep the lines between the brows are, and how early they show",
    "Frown pattern": "Below 0 one line between the brows, above 0 a pair",
    "Frown slant": "Below 0 a line across the nose's root, above 0 lines that slant towards the brows",
    "Crow's feet": "How deep the lines beside the eyes are, and how early they show",
    "Crow's feet count": "From a few lines beside the eyes to a fan of fine ones",
    "Crow's feet angle": "Whether the lines beside the eyes point down to the cheek or up to the temple",
    "Crow's feet length": "How far the lines beside the eyes reach",
    "Eye bags": "How far the bags below the eyes stand out",
    "Under-eye lines": "How deep the troughs and lines below the eyes are",
    "Nasolabial folds": "How deep the folds from the nose to the mouth's corners are",
    "Nasolabial length": "How far the folds beside the mouth reach down",
    "Nasolabial angle": "Below 0 the folds beside the mouth run steeply, above 0 in a wide bow",
    "Marionette lines": "How deep the lines from the mouth's corners down to the chin are",
    "Lip lines": "How deep the fine lines of the lips and above them are; they deepen when the lips are pursed",
    "Chin creases": "How deep the crease below the lip and the chin's dimples are",
    "Cheek lines": "How deep the lines of the cheeks are when they are raised or drawn",
    "Pore size": "From fine pores to large ones",
    "Pore depth": "How deep the pores are",
    "Pores on nose": "More or fewer pores on the nose than on the cheeks",
    "Roughness": "How rough the skin's fine net of lines is",
    "Moles": "How many moles show",
    "Scars": "How many scars show",
    "Asymmetry": "Which side of the face has the deeper lines and the larger eye bag",
    "Line pattern 1": "Which lines there are, where they run and which are deep, first of three ways",
    "Line pattern 2": "Which lines there are, where they run and which are deep, second of three ways",
    "Line pattern 3": "Which lines there are, where they run and which are deep, third of three ways",
    "Skin pattern 1": "Where pores, moles, unevenness and lines lie, first of four ways; also how deep the philtrum is",
    "Skin pattern 2": "Where pores, moles, unevenness and lines lie, second of four ways; also how fine furrows run",
    "Skin pattern 3": "Where pores, moles, unevenness and lines lie, third of four ways; also how brows stand out",
    "Skin pattern 4": "Where pores, moles, unevenness and lines lie, fourth of four ways",
}
DESCRIPTIONS: dict[str, str] = (
    _NAMED
    | {
        label: f"Above 0: {text}; below 0 the reverse, as measured on the average face"
        for label, text in _UNNAMED.items()
    }
    | _SKIN
)
"""Label in files (`FaceModel.identity_labels`) -> the tooltip, without a full stop."""

"""What may never be scored: the words of protected attributes and sensitive categories."""

import re
from itertools import pairwise

_LISTED = """
ethnicity ethnic race racial caste tribe tribal indigenous ancestry
religion religious faith church mosque synagogue worship christian catholic protestant orthodox
muslim islam islamic jew jewish hindu buddhist sikh atheist halal kosher
health medical medicine medication pharmacy prescription illness disease diagnosis disability
disabled pregnancy pregnant fertility hiv genetic genetics biometric biometrics
politics political politician election vote voter voting
union unionised unionized
sexuality sexual sex orientation gay lesbian bisexual homosexual heterosexual
gender transgender male female man men woman women
nationality citizenship immigrant immigration migrant migration refugee asylum foreigner birthplace
age aged elderly birth birthday birthdate dob
marital marriage married divorced
postcode postal zip zipcode neighbourhood neighborhood
contact friend follower acquaintance neighbour neighbor score
"""
_PAIRS = {"post code", "home address", "skin color", "skin colour", "social network"}
_TERMS = frozenset(_LISTED.split()) | _PAIRS


def protected_word(text: str) -> str | None:
    """The first word (or two) of an id, a dimension or a value that names what is never scored.

    Words end at anything that is not a letter; plurals count as their singular.
    """
    words: list[str] = re.findall(r"[^\W\d_]+", text.lower())
    pairs = [f"{first} {second}" for first, second in pairwise(words)]
    for term in words + pairs:
        if not _TERMS.isdisjoint(_singulars(term)):
            return term
    return None


def _singulars(word: str) -> set[str]:
    forms = {word, word.removesuffix("s"), word.removesuffix("es")}
    if word.endswith("ies"):
        forms.add(word[:-3] + "y")
    return forms

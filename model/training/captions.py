"""What a scene is called: several plain phrasings of object, motion, speed and background."""

from model.training.backgrounds import BACKGROUNDS
from model.training.motions import MORE_SPEEDS, MOTIONS

PHRASES: dict[str, tuple[str, ...]] = {
    "right": ("moving to the right", "moving right", "sliding to the right", "going right"),
    "left": ("moving to the left", "moving left", "sliding to the left", "going left"),
    "up": ("moving up", "rising", "going up", "moving upwards"),
    "down": ("moving down", "sinking", "going down", "moving downwards"),
    "bounce": ("bouncing", "bouncing up and down", "hopping", "bouncing on the spot"),
    "spin clockwise": (
        "spinning clockwise", "rotating clockwise", "turning clockwise", "revolving clockwise",
    ),
    "spin counter-clockwise": (
        "spinning counter-clockwise", "rotating counter-clockwise",
        "turning anticlockwise", "revolving counter-clockwise",
    ),
    "grow": ("growing", "getting bigger", "growing larger", "becoming larger"),
    "shrink": ("shrinking", "getting smaller", "becoming smaller", "growing smaller"),
    "swing": ("swinging", "swinging like a pendulum", "swinging back and forth", "swinging to and fro"),
    "circle": ("circling", "moving in a circle", "going round in circles", "flying in circles"),
    "shake": ("shaking", "trembling", "shaking from side to side", "jittering"),
    "fall": ("falling", "falling down", "dropping to the ground", "falling to the ground"),
    "stand still": ("standing still", "not moving", "staying still", "resting motionless"),
}  # fmt: skip
VIDEO = (
    "{object} {motion} {adverb} {place}",
    "{object} {adverb} {motion} {place}",
    "{place}, {object} {motion} {adverb}",
    "{object} {motion} {adverb}, {background}",
    "{bare} {motion} {adverb} {place}",
    "a video of {object} {motion} {adverb} {place}",
    "{background} and {object} {motion} {adverb}",
    "an animation of {object} {adverb} {motion}, {place}",
)
STILL = (
    "{object} {place}",
    "a picture of {object} {place}",
    "{place}, {object}",
    "{object}, {background}",
    "{bare} {place}",
    "an image of {object} with {background} behind",
)
MANY = frozenset((
    "Santa Claus", "bacon", "blueberries", "books", "bowling pins", "bread", "broccoli", "cherries", "coral",
    "crossed swords", "french fries", "garlic", "glasses", "gloves", "grapes", "headphones", "ice", "jeans",
    "maracas", "nesting dolls", "pancakes", "peanuts", "popcorn", "scissors", "socks", "spaghetti", "sunglasses",
    "sushi", "yarn",
))  # fmt: skip


def noun_phrase(name: str, before: str = "") -> str:
    """A name with its article: `octopus` -> `an octopus`, `scissors` -> `scissors`; and an adjective before it."""
    if name in MANY:
        return f"{before} {name}".strip()
    name = f"{before} {name}".strip()
    if name == "Statue of Liberty":
        return f"the {name}"
    vowel = name.startswith("hour") or (name[0].lower() in "aeiou" and not name.startswith("unicorn"))
    return f"{'an' if vowel else 'a'} {name}"


def caption(
    object_name: str, motion: int, speed: int, background: int, template: int, *, still: bool = False
) -> str:
    """The scene in the phrasing numbered `template`; any non-negative number is one."""
    templates = STILL if still else VIDEO
    phrases = PHRASES[MOTIONS[motion]]
    filled = templates[template % len(templates)].format(
        object=noun_phrase(object_name),
        bare=object_name,
        motion=phrases[template // len(templates) % len(phrases)],
        adverb=MORE_SPEEDS[speed],
        place=BACKGROUNDS[background].place,
        background=BACKGROUNDS[background].name,
    )
    return " ".join(filled.split()).replace(" ,", ",")


def phrasings(*, still: bool = False) -> int:
    """How many different `template` numbers a caption has."""
    return len(STILL) if still else len(VIDEO) * 4

"""Other words for the same: those that training captions use too, and those that they never do.

Held-out words are for judging whether a prompt is understood beyond the words that were trained: no training caption
may hold one (a test sees to it), nor may a word of the world itself be one.
"""

# Of objects, by the name of the drawing. Training captions use the name three times in four, else one of these.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "cat": ("kitty",), "dog": ("hound",), "rabbit": ("bunny",), "horse": ("steed",), "pig": ("hog",),
    "chicken": ("hen",), "baby chick": ("tiny chick",), "rooster": ("cock",), "donkey": ("mule",),
    "mouse": ("little mouse",),
    "snake": ("serpent",), "frog": ("green frog",), "turtle": ("sea turtle",), "whale": ("huge whale",),
    "shark": ("great shark",),
    "ladybug": ("ladybird",), "honeybee": ("bee",), "butterfly": ("colourful butterfly",), "ant": ("little ant",),
    "tyrannosaurus": ("tyrannosaur",), "long-necked dinosaur": ("sauropod",),
    "orca": ("orca whale",),
    "car": ("motor car",), "big truck": ("truck",), "airplane": ("aeroplane", "plane"),
    "bicycle": ("bike",),
    "motorcycle": ("motorbike",), "bus": ("omnibus",), "train": ("railway train",), "ship": ("large ship",),
    "sailboat": ("sailing boat",),
    "speedboat": ("fast boat",), "helicopter": ("chopper",), "rocket": ("space rocket",),
    "fire engine": ("fire truck",),
    "taxi": ("taxicab",), "flying saucer": ("UFO",), "tractor": ("farm tractor",), "sun": ("yellow sun",),
    "full moon": ("moon",),
    "house": ("little house",), "castle": ("fortress",), "flame": ("fire",), "umbrella": ("brolly",),
    "gem stone": ("gem", "diamond"),
    "crown": ("royal crown",), "key": ("door key",), "padlock": ("lock",), "scissors": ("pair of scissors",),
    "glasses": ("spectacles",),
    "television": ("TV set",), "telephone": ("phone",), "mobile phone": ("smartphone",),
    "laptop": ("notebook computer",),
    "books": ("stack of books",), "guitar": ("acoustic guitar",), "violin": ("fiddle",),
    "drum": ("snare drum",),
    "balloon": ("toy balloon",), "football": ("soccer ball",), "basketball": ("basket ball",),
    "trophy": ("winner's cup",),
    "teddy bear": ("plush bear",), "robot": ("android",), "ghost": ("phantom",), "skull": ("death's head",),
    "alien": ("extraterrestrial",),
    "hamburger": ("burger",), "french fries": ("chips",), "doughnut": ("donut",), "cookie": ("biscuit",),
    "red apple": ("apple",),
    "cherries": ("two cherries",), "strawberry": ("ripe strawberry",), "watermelon": ("slice of watermelon",),
    "ice cream": ("bowl of ice cream",),
    "birthday cake": ("cake with candles",), "cup of coffee": ("hot coffee",), "beer mug": ("mug of beer",),
    "wine glass": ("glass of wine",),
    "pizza": ("slice of pizza",), "corn cob": ("ear of corn",), "hot pepper": ("chili pepper",),
    "eggplant": ("aubergine",),
    "red heart": ("heart",), "yellow star": ("star",), "snowman": ("man of snow",),
    "evergreen tree": ("fir tree",), "deciduous tree": ("leafy tree",),
    "sunflower": ("yellow sunflower",), "rose": ("red rose",), "Halloween pumpkin": ("jack-o'-lantern",),
    "wrapped gift": ("present",),
    "T-shirt": ("tee shirt",), "necktie": ("tie",), "high heeled shoe": ("pump shoe",),
    "running shoe": ("sneaker",), "top hat": ("tall hat",),
    "light bulb": ("electric bulb",), "couch and lamp": ("sofa and lamp",), "alarm clock": ("clock",),
    "magnifying glass": ("magnifier",),
    "baby": ("infant",), "firefighter": ("fireman",),
    "police officer": ("policeman",),
    "lightning bolt": ("bolt of lightning",), "tropical fish": ("coral fish",), "parrot": ("colourful parrot",),
    "rhinoceros": ("rhino",),
    "hippopotamus": ("hippo",), "crocodile": ("big crocodile",), "gorilla": ("big ape",),
    "sheep": ("woolly sheep",), "bear": ("brown bear",),
}  # fmt: skip

# Never in training. Each must be understood, if at all, from what the text encoder knows.
UNSEEN: dict[str, tuple[str, ...]] = {
    "car": ("automobile", "sedan"), "big truck": ("lorry",), "airplane": ("jetliner", "aircraft"),
    "bicycle": ("pushbike", "two-wheeler"),
    "motorcycle": ("motor bicycle",), "bus": ("motor coach",), "ship": ("vessel",), "sailboat": ("yacht",),
    "taxi": ("cab",), "rocket": ("spacecraft",),
    "cat": ("feline", "pussycat"), "dog": ("canine", "pooch"), "rabbit": ("hare",), "horse": ("stallion", "pony"),
    "pig": ("swine", "piglet"),
    "rooster": ("cockerel",), "donkey": ("jackass",), "snake": ("viper",), "frog": ("toad",),
    "turtle": ("tortoise",), "crocodile": ("alligator",),
    "honeybee": ("bumblebee",), "whale": ("leviathan",), "tyrannosaurus": ("T-rex",),
    "flying saucer": ("alien spaceship",),
    "house": ("cottage",), "castle": ("stronghold",), "flame": ("blaze",), "gem stone": ("jewel",),
    "umbrella": ("parasol",),
    "television": ("telly",), "mobile phone": ("cellphone",), "laptop": ("portable computer",),
    "glasses": ("eyeglasses",), "trophy": ("prize cup",),
    "robot": ("automaton",), "ghost": ("spectre",), "alien": ("Martian",), "hamburger": ("cheeseburger",),
    "wrapped gift": ("parcel with a bow",),
    "couch and lamp": ("settee",), "baby": ("newborn",), "running shoe": ("trainer",),
    "evergreen tree": ("conifer",), "sun": ("daystar",),
}  # fmt: skip

# Of motions, by their name; beyond captions.PHRASES, which the questions of the evaluation use.
MORE_PHRASES: dict[str, tuple[str, ...]] = {
    "right": ("travelling to the right", "heading right", "drifting to the right", "that moves from left to right"),
    "left": ("travelling to the left", "heading left", "drifting to the left", "that moves from right to left"),
    "up": ("floating up", "climbing", "going higher", "that moves from the bottom to the top"),
    "down": ("floating down", "descending", "going lower", "that moves from the top to the bottom"),
    "bounce": ("jumping up and down", "that bounces", "jumping on the spot", "leaping up and down"),
    "spin clockwise": ("that spins clockwise", "whirling clockwise", "turning round clockwise",
        "going round like the hands of a clock"),
    "spin counter-clockwise": ("that spins counter-clockwise", "whirling anticlockwise",
        "turning round anticlockwise",
        "going round against the hands of a clock"),
    "grow": ("expanding", "that grows", "swelling", "getting larger and larger"),
    "shrink": ("contracting", "that shrinks", "dwindling", "getting smaller and smaller"),
    "swing": ("rocking to and fro", "that swings", "dangling to and fro", "swaying like a pendulum"),
    "circle": ("travelling in a circle", "that goes round in circles", "looping round", "running in circles"),
    "shake": ("shivering", "that shakes", "quivering", "wobbling from side to side"),
    "fall": ("that falls", "dropping down", "tumbling to the ground", "crashing down"),
    "stand still": ("standing there", "that does not move", "at rest", "keeping still"),
}  # fmt: skip
UNSEEN_PHRASES: dict[str, tuple[str, ...]] = {
    "right": ("gliding rightwards",), "left": ("gliding leftwards",), "up": ("ascending",), "down": ("plunging",),
    "bounce": ("springing",), "spin clockwise": ("rolling round in clockwise direction",),
    "spin counter-clockwise": ("rolling round in anticlockwise direction",), "grow": ("enlarging",),
    "shrink": ("diminishing",),
    "swing": ("oscillating",), "circle": ("revolving along a ring",), "shake": ("juddering",), "fall": ("toppling",),
    "stand still": ("frozen in place",),
}  # fmt: skip
ADVERBS: tuple[tuple[str, ...], ...] = (  # of motions.MORE_SPEEDS
    ("slowly", "at a slow pace", "leisurely"), ("",), ("quickly", "fast", "at high speed"),
    ("very slowly", "extremely slowly"), ("very quickly", "very fast", "extremely fast"),
)  # fmt: skip
UNSEEN_ADVERBS: tuple[tuple[str, ...], ...] = (
    ("sluggishly",),
    ("",),
    ("swiftly", "rapidly"),
    ("at a crawl",),
    ("in a flash",),
)


def everything() -> list[str]:
    """Every word of this module, held-out ones too: what a reduced text encoder must know."""
    of_names = [*SYNONYMS.values(), *UNSEEN.values(), *MORE_PHRASES.values(), *UNSEEN_PHRASES.values()]
    return [text for texts in (*of_names, *ADVERBS, *UNSEEN_ADVERBS) for text in texts]


def unseen() -> frozenset[str]:
    """Every held-out word or phrase."""
    sources = (*UNSEEN.values(), *UNSEEN_PHRASES.values(), *UNSEEN_ADVERBS)
    return frozenset(text for texts in sources for text in texts if text)

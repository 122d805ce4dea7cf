"""The natural scenes that there are: who paints each, and what its captions say."""

from collections.abc import Callable
from dataclasses import dataclass

from model.training import flames, water, weather, wind
from model.training.stage import Painting, Stage

SIDEWAYS = {"to the right": (1.0, 0.0), "to the left": (-1.0, 0.0)}
NOWHERE = {"": (0.0, 0.0)}


@dataclass(frozen=True)
class Nature:
    """A kind of scene: its painter, colours by their word, directions and paces by their phrase, and its captions."""

    name: str
    painter: Callable[[Stage], Painting]
    tones: dict[str, tuple[str, ...]]
    ways: dict[str, tuple[float, float]]
    paces: tuple[str, str, str]
    told: tuple[str, ...]  # of what moves; {tone}, {way} and {pace} are filled in
    shown: tuple[str, ...]  # of a picture of it
    place: str  # as what stands behind an object is said to be


SLOW = ("slowly", "", "quickly")
WINDY = ("gently", "", "strongly")
NATURE = (
    Nature(
        "sea", water.sea,
        {"blue": ("3f8fe0", "bfe0f5", "12589c", "eef8ff"), "green": ("6fb7d8", "d6eee6", "12705f", "ecfff6"),
         "grey": ("77818c", "c3c9ce", "47545f", "eef1f3"), "golden": ("e0763f", "ffd37a", "7a3f4d", "ffe9b8"),
         "moonlit": ("0a1030", "33457f", "0b1c3d", "c9d8ff")},
        {**SIDEWAYS, "towards the shore": (0.0, 1.0)}, SLOW,
        ("{tone} sea waves rolling {way} {pace}", "waves moving {way} {pace} on a {tone} sea",
         "a {tone} sea with waves that roll {way} {pace}", "{tone} ocean waves {pace} rolling {way}",
         "a video of waves on a {tone} sea moving {way} {pace}"),
        ("a {tone} sea with waves", "waves on a {tone} sea", "a picture of a {tone} ocean"), "over a {tone} sea",
    ),
    Nature(
        "lake", water.lake,
        {"blue": ("3f8fe0", "d4ebf7", "3d6b52", "f2fbff"), "pink": ("8a6fc0", "ffc2c9", "5a4466", "ffeef2"),
         "golden": ("e08a3f", "ffe2a0", "6b4a35", "fff3d0"), "grey": ("77838f", "ccd3d8", "4a5860", "f2f6f8")},
        SIDEWAYS, SLOW,
        ("hills mirrored in a lake under a {tone} sky, ripples moving {way} {pace}",
         "ripples going {way} {pace} on a lake under a {tone} sky",
         "a lake with reflections of hills and a {tone} sky, rippling {pace} {way}",
         "the water of a lake ripples {pace} {way}, a {tone} sky reflected in it"),
        ("a lake that mirrors hills and a {tone} sky", "hills reflected in a lake under a {tone} sky"),
        "over a lake under a {tone} sky",
    ),
    Nature(
        "waterfall", water.waterfall,
        {"grey": ("6f6d69", "7fb5cc", "f4fbff", "4d7a3c"), "brown": ("7a5a41", "6fa9b8", "f4fbff", "5d8238"),
         "black": ("34363b", "6f9fc4", "f4f9ff", "3a5e3a"), "red": ("8c4a35", "7bb0bd", "fdf8f2", "6a7a3a")},
        {"": (0.0, 1.0)}, SLOW,
        ("a waterfall pouring {pace} between {tone} rocks", "water falling {pace} over {tone} rocks",
         "{tone} rocks with a waterfall flowing down {pace}",
         "a waterfall {pace} rushing down into a pool between {tone} rocks",
         "a video of a waterfall on {tone} rocks, the water falling {pace}"),
        ("a waterfall between {tone} rocks", "a picture of a waterfall on {tone} rocks"),
        "in front of a waterfall between {tone} rocks",
    ),
    Nature(
        "stream", water.stream,
        {"green": ("5d9a3c", "3f86b8", "e2f4ff", "6fb4e8"), "dry yellow": ("b9a04e", "4a88a8", "ecf7fb", "8fc4ea"),
         "snowy": ("dfe8f0", "3d6f96", "d8ebf7", "9dbcd8")},
        {"towards us": (0.0, 1.0), "away from us": (0.0, -1.0)}, SLOW,
        ("a stream flowing {way} {pace} through a {tone} meadow",
         "water of a brook running {pace} {way} through a {tone} meadow",
         "a {tone} meadow with a stream that flows {pace} {way}",
         "a small river {pace} flowing {way} in a {tone} landscape"),
        ("a stream in a {tone} meadow", "a brook through a {tone} meadow"), "in front of a stream in a {tone} meadow",
    ),
    Nature(
        "camp fire", flames.camp_fire,
        {"orange": ("d8420f", "ff9a1f", "fff2b0"), "red": ("8f0d0d", "e03a1a", "ffb45a"),
         "blue": ("1230a8", "2f8cff", "d8f2ff"), "green": ("0a6b2a", "35c95a", "e6ffc9")},
        {"": (0.0, 0.0), "leaning to the right": (1.0, 0.0), "leaning to the left": (-1.0, 0.0)},
        ("calmly", "", "fiercely"),
        ("a camp fire burning {pace} with {tone} flames {way}",
         "{tone} flames {way} burning {pace} over logs at night",
         "a bonfire with {tone} flames {way} that burns {pace}",
         "a video of a fire, its {tone} flames flickering {pace} {way}"),
        ("a camp fire with {tone} flames", "{tone} flames over logs at night"),
         "in front of a camp fire with {tone} flames",
    ),
    Nature(
        "candle", flames.candle,
        {"white": ("f4eede", "4a4038"), "red": ("b8302c", "3a3540"), "green": ("4f8a4a", "40382f"),
         "blue": ("3f62b0", "40362f"), "pink": ("e89ab4", "3d3a44")},
        {"": (0.0, 0.0), "bending to the right": (1.0, 0.0), "bending to the left": (-1.0, 0.0)}, ("gently", "",
         "wildly"),
        ("the flame of a {tone} candle flickering {pace} {way}",
         "a {tone} candle burning, its flame {way} flickering {pace}",
         "a {tone} candle in a dark room with a flame that flickers {pace} {way}"),
        ("a {tone} candle burning in a dark room", "a picture of a {tone} candle"), "beside a burning {tone} candle",
    ),
    Nature(
        "chimney", flames.chimney,
        {"white": ("f2f3f4", "5f9fd8", "dceaf4"), "black": ("2a2a2c", "9fb0bd", "d8dde0"),
         "grey": ("9a9da1", "86aed0", "f0dcc8"), "pink": ("efb4c4", "7d78c0", "ffd9b8")},
        SIDEWAYS, SLOW,
        ("{tone} smoke drifting {way} {pace} from a chimney", "a chimney with {tone} smoke that {pace} blows {way}",
         "{tone} smoke rising from the chimney of a house and drifting {pace} {way}",
         "a house whose chimney gives off {tone} smoke going {way} {pace}"),
        ("{tone} smoke over the chimney of a house", "a house with a smoking chimney, {tone} smoke"),
        "in front of a chimney with {tone} smoke",
    ),
    Nature(
        "clouds", weather.clouds,
        {"blue": ("2f7fd6", "a9d3f5", "ffffff", "5d9a3c"), "orange": ("8a5fb0", "ffb067", "ffd9b0", "4a4a35"),
         "grey": ("6d7781", "a9b2ba", "d6dbdf", "55684a"), "pink": ("7f86d0", "ffb9c6", "ffe6ea", "57704a")},
        SIDEWAYS, SLOW,
        ("clouds drifting {way} {pace} in a {tone} sky over hills", "clouds moving {way} {pace} across a {tone} sky",
         "a {tone} sky with clouds that drift {pace} {way}", "hills under a {tone} sky, clouds {pace} passing {way}",
         "a time lapse of clouds going {way} {pace} in a {tone} sky"),
        ("clouds in a {tone} sky over hills", "hills under a {tone} cloudy sky"),
         "in front of drifting clouds in a {tone} sky",
    ),
    Nature(
        "rain", weather.rain,
        {"yellow": ("e2c878", "f6f2e6", "5d7a4a"), "green": ("7da383", "f3f3ec", "4d6b5a"),
         "red": ("a8534a", "efe6da", "59704f"), "blue": ("6f8fb8", "f2f2f0", "566b52")},
        {"straight down": (0.0, 1.0), "to the right": (1.0, 1.0), "to the left": (-1.0, 1.0)},
        ("lightly", "", "heavily"),
        ("rain falling {pace} {way} behind a window in a {tone} wall",
         "it rains {pace} outside the window of a {tone} room, {way}",
         "a {tone} wall with a window, {pace} falling rain {way} behind it",
         "raining {pace} {way}, seen through a window in a {tone} wall"),
        ("rain behind a window in a {tone} wall", "a window in a {tone} wall on a rainy day"),
         "in front of a rainy window in a {tone} wall",
    ),
    Nature(
        "snow", weather.snow,
        {"blue": ("5f86c0", "cfe0f2", "24513d"), "grey": ("8a949f", "d8dde2", "3a4f47"),
         "night": ("0b1230", "32457a", "12302a"), "pink": ("a889c9", "ffd2d2", "2f4a44")},
        {"straight down": (0.0, 1.0), "to the right": (1.0, 1.0), "to the left": (-1.0, 1.0)}, SLOW,
        ("snow falling {pace} {way} over fir trees under a {tone} sky",
         "snowflakes {pace} falling {way} in a {tone} sky over a wood",
         "it is snowing {pace}, flakes going {way} under a {tone} sky",
         "a winter forest under a {tone} sky with snow falling {pace} {way}"),
        ("snow over fir trees under a {tone} sky", "a winter forest under a {tone} sky"),
         "in front of a snowy forest under a {tone} sky",
    ),
    Nature(
        "flag", wind.flag,
        {"red": ("c8281e", "c8281e", "5fa2dc"), "blue": ("2350b8", "2350b8", "a9c9e4"), "green": ("1f8a46",
         "1f8a46", "7fb8e0"),
         "yellow": ("f0c419", "f0c419", "6fa8dc"), "white": ("f4f4f2", "f4f4f2", "5f96d0"),
         "red and white": ("c8281e", "f6f6f4", "6fa8dc"), "blue and yellow": ("2350b8", "f5cf2e", "a9c9e4"),
         "black and orange": ("1d1d20", "ee8a24", "9fc4e4")},
        SIDEWAYS, WINDY,
        ("a {tone} flag waving {pace} {way} in the wind", "a {tone} flag on a pole blowing {way} {pace}",
         "a {tone} flag {pace} fluttering {way} against the sky",
         "a flag pole with a {tone} flag that waves {pace} {way}"),
        ("a {tone} flag on a pole", "a {tone} flag against the sky"), "in front of a waving {tone} flag",
    ),
    Nature(
        "tree", wind.tree,
        {"green": ("7fb84a", "2f5f26", "6fb0e0"), "orange": ("e8923a", "8f4218", "86b4d8"),
         "red": ("d85a3a", "7a1f1c", "9fc0d8"), "pink": ("ffc4d6", "b86a88", "8fc4ea"), "yellow": ("f0d04a",
         "a07a1a", "78b0dc")},
        SIDEWAYS, WINDY,
        ("the {tone} leaves of a tree moving {pace} in the wind that blows {way}",
         "a tree with {tone} leaves swaying {pace} {way}",
         "wind blowing {way} {pace} through a tree with {tone} leaves",
         "a {tone} tree on a meadow, its leaves {pace} rustling {way}"),
        ("a tree with {tone} leaves on a meadow", "a {tone} tree under the sky"),
         "in front of a tree with {tone} leaves",
    ),
    Nature(
        "field", wind.field,
        {"golden": ("e6bf5a", "8a6422", "7fb4e0"), "green": ("7fc04a", "2d6a24", "86bce6"),
         "purple": ("a884d0", "4c3a78", "b4cbe8"), "red": ("d85a4a", "5a6a2a", "9cc4e4")},
        SIDEWAYS, WINDY,
        ("a {tone} field swaying {pace} {way} in the wind", "wind moving {pace} {way} over a {tone} field",
         "a {tone} meadow whose grass bends {pace} {way}", "grass of a {tone} field {pace} waving {way}"),
        ("a {tone} field under the sky", "a {tone} meadow"), "in front of a {tone} field in the wind",
    ),
    Nature(
        "northern lights", weather.northern_lights,
        {"green": ("3dff9a", "2f8fb8", "8fa3c4"), "purple": ("c46bff", "4a3fc0", "8f98c4"),
         "blue": ("4ab4ff", "3a4fd0", "9fb0cc"), "red": ("ff5a6b", "8a2fa8", "9a98b8")},
        SIDEWAYS, SLOW,
        ("{tone} northern lights moving {way} {pace} over mountains",
         "an aurora with {tone} curtains of light drifting {way} {pace}",
         "mountains at night under {tone} northern lights that move {pace} {way}",
         "{tone} polar lights {pace} dancing {way} in the night sky"),
        ("{tone} northern lights over mountains", "a {tone} aurora in the night sky"), "under {tone} northern lights",
    ),
    Nature(
        "starry sky", weather.starry_sky,
        {"green": ("14301f",), "brown": ("33241a",), "blue": ("14213f",)},
        NOWHERE, SLOW,
        ("stars twinkling {pace} over {tone} hills", "a night sky with stars that twinkle {pace} over {tone} hills",
         "{tone} hills under {pace} sparkling stars",
         "a starry night over {tone} hills, the stars {pace} glittering"),
        ("stars over {tone} hills", "a starry night over {tone} hills"), "under twinkling stars over {tone} hills",
    ),
)  # fmt: skip

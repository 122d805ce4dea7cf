"""How `objects.json.gz` was made from the Noto emoji of npm's `@iconify-json/noto` 1.2.9 (Apache-2.0).

npm pack @iconify-json/noto@1.2.9 && tar xzf iconify-json-noto-1.2.9.tgz
python -m model.training.collect_objects package/
"""

import argparse
import gzip
import json
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.training.objects import DATA, Drawing, rasterise

KEEP_PEOPLE = """anatomical-heart astronaut artist baby baby-angel ballet-dancer biting-lip bone boy brain bust-in-silhouette
busts-in-silhouette clapping-hands construction-worker cook crossed-fingers detective ear elf eye eyes fairy farmer
fingerprint firefighter flexed-biceps folded-hands foot footprints genie girl guard hairy-creature handshake
hand-with-fingers-splayed heart-hands health-worker horse-racing judge leg love-you-gesture lungs mage mechanical-arm mechanical-leg
mermaid mouth nail-polish ninja nose ok-hand old-man old-woman oncoming-fist palms-up-together pinched-fingers pilot police-officer
prince princess raised-fist santa-claus scientist sign-of-the-horns singer skier snowboarder speaking-head student superhero
supervillain tongue tooth thumbs-up troll vampire victory-hand vulcan-salute waving-hand writing-hand zombie
call-me-hand ear-with-hearing-aid selfie mechanic man-beard man-dancing man-in-suit-levitating person-biking person-bouncing-ball
person-cartwheeling person-climbing person-fencing person-golfing person-in-bed person-in-lotus-position
person-in-suit-levitating person-juggling person-lifting-weights person-playing-water-polo person-rowing-boat person-running
person-surfing person-swimming person-taking-bath person-wearing-turban woman-dancing woman-with-headscarf women-wrestling
person-with-veil person-mountain-biking person-in-tuxedo person-kneeling person-bowing""".split()
KEEP_SYMBOLS = """aquarius atom-symbol baggage-claim biohazard check-mark cross-mark fleur-de-lis heavy-dollar-sign hollow-red-circle infinity
japanese-symbol-for-beginner khanda medical-symbol menorah name-badge no-entry no-bicycles om peace-symbol part-alternation-mark
prohibited radioactive recycling-symbol red-exclamation-mark red-question-mark sparkle splatter star-and-crescent star-of-david
trident-emblem warning wheel-of-dharma wheelchair-symbol yin-yang children-crossing eight-pointed-star litter-in-bin-sign
customs passport-control potable-water restroom antenna-bars atm-sign cinema orthodox-cross large-blue-diamond
large-orange-diamond diamond-with-a-dot radio-button registered heavy-equals-sign multiply plus divide
double-curly-loop wavy-dash no-one-under-eighteen no-smoking no-littering no-pedestrians non-potable-water no-mobile-phones
hundred-points dotted-six-pointed-star copyright circled-m place-of-worship sos-button vibration-mode""".split()
DROP = set(
    """magnifying-glass-tilted-left upside-down-face backhand-index-pointing-up bell-with-slash badminton
closed-mailbox-with-lowered-flag open-mailbox-with-lowered-flag mobile-phone-with-arrow chart-increasing-with-yen
envelope-with-arrow incoming-envelope outbox-tray inbox-tray page-with-curl bookmark-tabs speaker-low-volume
speaker-medium-volume muted-speaker euro-banknote pound-banknote yen-banknote unlocked locked-with-pen
green-book orange-book closed-book hammer-and-pick front-facing-baby-chick service-dog ox two-hump-camel
first-quarter-moon last-quarter-moon waning-crescent-moon waning-gibbous-moon waxing-crescent-moon waxing-gibbous-moon
last-quarter-moon-face new-moon new-moon-face globe-showing-asia-australia globe-showing-europe-africa
hourglass-not-done airplane-arrival airplane-departure sun-behind-large-cloud sun-behind-small-cloud
sun-behind-rain-cloud oncoming-automobile tram-car railway-car mountain-cableway suspension-railway high-speed-train
houses derelict-house department-store trolleybus minibus umbrella-with-rain-drops umbrella-on-ground cityscape-at-dusk
snowman-without-snow japanese-post-office motorway landslide foggy droplet dotted-line-face left-speech-bubble
right-anger-bubble eye-in-speech-bubble kissing-face kissing-face-with-smiling-eyes slightly-frowning-face
grinning-face-with-smiling-eyes grinning-squinting-face smiling-face-with-sweat hushed-face face-with-open-mouth
frowning-face-with-open-mouth confused-face worried-face smiling-face head-shaking-horizontally head-shaking-vertically
grinning-cat-with-smiling-eyes face-without-mouth disappointed-face anguished-face sad-but-relieved-face
smiling-face-with-smiling-eyes growing-heart revolving-hearts two-hearts light-blue-heart grey-heart heart-suit heart-decoration
white-heart black-heart brown-heart orange-heart face-with-crossed-out-eyes weary-face persevering-face
white-flag black-flag triangular-flag rainbow-flag transgender-flag unknown-flag 2nd-place-medal 3rd-place-medal
hole cigarette middle-finger level-slider small-airplane anger-symbol distorted-face cracking-face globe-with-meridians
musical-notes card-index-dividers notebook file-folder label red-envelope shallow-pan-of-food love-hotel softball
closed-umbrella delivery-truck ballot-box-with-ballot musical-keyboard black-bird smiling-face-with-open-hands
smiling-face-with-sunglasses- kissing-cat- grinning-cat- fast-forward-button oncoming-bus oncoming-taxi
eight-oclock eleven-oclock five-oclock four-oclock nine-oclock one-oclock seven-oclock six-oclock ten-oclock three-oclock
twelve-oclock two-oclock spade-suit spouting-whale grinning-face-with-big-eyes sports-medal registered plus
speak-no-evil-monkey person-in-bed horizontal-traffic-light expressionless-face""".split()
)
LOOKALIKE = "skin-tone|-thirty$"
RENAME = {
    "vertical-traffic-light": "traffic light", "jack-o-lantern": "Halloween pumpkin", "christmas-tree": "Christmas tree",
    "skis": "ski", "camping": "camping tent", "cooking": "frying pan with an egg", "tennis-": "", "ferris-wheel": "Ferris wheel",
    "horse-racing": "racehorse with a jockey", "bullseye": "bullseye target", "dizzy": "dizzy star", "sunset": "sunset picture",
    "sunrise": "sunrise picture", "wedding": "wedding chapel", "station": "train station", "metro": "metro train", "brick": "red brick block",
    "1st-place-medal": "gold medal", "magnifying-glass-tilted-right": "magnifying glass", "automobile": "car",
    "t-rex": "tyrannosaurus", "sauropod": "long-necked dinosaur", "lady-beetle": "ladybug", "ewe": "sheep",
    "person-in-suit-levitating": "floating man in a suit", "person-taking-bath": "person in a bath", "mage": "wizard",
    "snow-capped-mountain": "snowy mountain", "globe-showing-americas": "globe", "hourglass-done": "hourglass",
    "sport-utility-vehicle": "blue jeep", "articulated-lorry": "big truck", "open-mailbox-with-raised-flag": "open mailbox",
    "closed-mailbox-with-raised-flag": "mailbox", "speaker-high-volume": "loudspeaker icon", "loudspeaker": "public speaker horn",
    "mans-shoe": "leather shoe", "womans-boot": "boot", "womans-clothes": "pink blouse", "womans-hat": "straw hat",
    "womans-sandal": "sandal", "thong-sandal": "flip-flop", "rescue-workers-helmet": "rescue helmet", "ring-buoy": "lifebuoy",
    "nazar-amulet": "blue eye amulet", "game-die": "die", "pool-8-ball": "billiard ball", "soccer-ball": "football",
    "american-football": "American football", "heavy-dollar-sign": "dollar sign", "cooked-rice": "bowl of rice",
    "hot-beverage": "cup of coffee", "cut-of-meat": "steak", "fork-and-knife-with-plate": "dinner plate", "salt": "salt shaker",
    "ear-of-corn": "corn cob", "sheaf-of-rice": "rice plant", "pile-of-poo": "smiling poo", "collision": "explosion star",
    "dashing-away": "puff of smoke", "carp-streamer": "carp kite", "flower-playing-cards": "flower card",
    "performing-arts": "theatre masks", "cricket-game": "cricket bat", "field-hockey": "field hockey stick",
    "ice-hockey": "ice hockey stick", "lacrosse": "lacrosse stick", "ping-pong": "table tennis paddle", "tennis": "tennis ball and racket",
    "bowling": "bowling pins", "badger": "badger", "hundred-points": "one hundred sign", "moai": "stone head statue",
    "optical-disk": "compact disc", "computer-disk": "minidisc", "headphone": "headphones", "billed-cap": "baseball cap",
    "light-rail": "light rail train", "water-closet": "toilet sign", "goblin": "red goblin", "ogre": "red ogre",
    "black-nib": "pen nib", "straight-ruler": "ruler", "pick": "pickaxe", "locked": "padlock", "locked-with-key": "padlock with a key",
    "link": "chain link", "drop-of-blood": "drop of blood", "herb": "green herb", "herbs": "green herb", "mate": "mate drink",
    "fire": "flame", "water-wave": "big wave", "cyclone": "blue swirl", "fight-cloud": "dust cloud", "zzz": "sleep sign",
    "x-ray": "X-ray picture", "dvd": "golden disc", "dna": "DNA strand", "e-mail": "email letter", "t-shirt": "T-shirt",
    "construction": "road barrier", "splatter": "paint splatter", "seat": "train seat", "rock": "grey rock", "wood": "wood log",
    "customs": "customs sign", "cinema": "cinema sign", "restroom": "restroom sign", "potable-water": "drinking water sign",
    "atm-sign": "ATM sign", "om": "Om sign", "wireless": "wireless sign", "sos-button": "SOS sign", "circled-m": "metro sign",
    "high-voltage": "lightning bolt", "children-crossing": "school crossing sign", "no-one-under-eighteen": "no under eighteen sign",
    "part-alternation-mark": "yellow zigzag mark", "japanese-symbol-for-beginner": "green and yellow chevron",
    "antenna-bars": "signal bars", "name-badge": "tulip name badge", "fog": "fog bank", "litter-in-bin-sign": "litter bin sign",
    "no-entry": "no entry sign", "prohibited": "prohibition sign", "warning": "warning sign", "radioactive": "radiation sign",
    "biohazard": "biohazard sign", "place-of-worship": "worship sign", "registered": "registered trademark sign",
    "divide": "division sign", "multiply": "multiplication sign", "plus": "plus sign", "heavy-equals-sign": "equals sign",
    "copyright": "copyright sign", "passport-control": "passport control sign", "baggage-claim": "baggage claim sign",
    "sparkle": "green sparkle", "sparkles": "yellow sparkles", "glowing-star": "shining star", "star": "yellow star",
    "aquarius": "Aquarius sign", "vibration-mode": "vibrating phone sign", "selfie": "hand taking a selfie", "kaaba": "Kaaba",
    "guard": "palace guard", "cook": "chef", "elf": "elf", "tokyo-tower": "red steel tower", "statue-of-liberty": "Statue of Liberty",
    "mount-fuji": "Mount Fuji", "map-of-japan": "map of Japan", "person-wearing-turban": "man with a turban", "man-beard": "bearded man",
    "santa-claus": "Santa Claus", "milky-way": "Milky Way picture", "japanese-dolls": "Japanese dolls", "hibiscus": "hibiscus flower",
    "japanese-castle": "Japanese castle", "shinto-shrine": "red shrine gate", "hindu-temple": "Hindu temple",
}  # fmt: skip
ROTATIONS = tuple(range(12, 360, 12))


def english(icon: str) -> str:
    """The name of an icon as a caption says it: `kick-scooter` -> `kick scooter`."""
    if re.match(r"(no)-(bicycles|smoking|littering|pedestrians|mobile-phones)$", icon):
        return icon.replace("-", " ") + " sign"
    return RENAME.get(icon, icon.replace("-", " "))


def wanted(metadata: dict[str, Any]) -> list[str]:
    """Icon names in the order of the set's categories, without those that a caption could not tell apart."""
    everyone = {name for names in metadata["categories"].values() for name in names}
    chosen: list[str] = []
    for category, names in metadata["categories"].items():
        keep = set(names)
        if category == "People & Body":
            keep = set(KEEP_PEOPLE) & everyone
        elif category == "Symbols":
            keep = set(KEEP_SYMBOLS) & everyone
        chosen += [
            name for name in names if name in keep and not re.search(LOOKALIKE, name) and name not in DROP
        ]
    return sorted(set(chosen), key=chosen.index)


def on_grey(pictures: Tensor) -> Tensor:
    """Premultiplied RGBA bytes (n, 4, s, s) over mid grey, as floats (n, 3, s, s) in [0, 1]."""
    pixels = pictures.float() / 255
    return pixels[:, :3] + (1 - pixels[:, 3:]) * 0.5


def too_near(pictures: Tensor, threshold: float) -> list[tuple[int, int, float]]:
    """Pairs (kept, dropped, RMS difference) of 32x32 pictures on grey that look alike, in order."""
    small = torch.nn.functional.adaptive_avg_pool2d(on_grey(pictures), 32).flatten(1)
    distance = torch.cdist(small, small) / small.shape[1] ** 0.5
    pairs: list[tuple[int, int, float]] = []
    gone: set[int] = set()
    for i, j in (distance < threshold).triu(1).nonzero().tolist():
        if i not in gone and j not in gone:
            gone.add(j)
            pairs.append((i, j, float(distance[i, j])))
    return pairs


def roundness(pictures: Tensor) -> Tensor:
    """Largest RMS difference between each drawing and its own rotations about the frame's centre: (n,)."""
    image = torch.nn.functional.adaptive_avg_pool2d(pictures.float() / 255, 64)
    worst = torch.zeros(len(image))
    for degrees in ROTATIONS:
        angle = torch.tensor(degrees * torch.pi / 180)
        matrix = torch.stack(
            [angle.cos(), -angle.sin(), angle * 0, angle.sin(), angle.cos(), angle * 0]
        ).view(1, 2, 3)
        grid = torch.nn.functional.affine_grid(
            matrix.expand(len(image), 2, 3), list(image.shape), align_corners=False
        )
        turned = torch.nn.functional.grid_sample(image, grid, align_corners=False)
        worst = torch.maximum(worst, (turned - image).square().mean((1, 2, 3)).sqrt())
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path)
    parser.add_argument("--near", type=float, default=0.054)
    parser.add_argument("--round", type=float, default=0.1)
    args = parser.parse_args()
    icons = json.loads((args.package / "icons.json").read_text())["icons"]
    names = [
        name for name in wanted(json.loads((args.package / "metadata.json").read_text())) if name in icons
    ]
    drawings = [
        Drawing(english(name), icons[name]["body"], icons[name].get("width", 128), False) for name in names
    ]
    pictures = rasterise(drawings, 128)
    for kept, dropped, distance in too_near(pictures, args.near):
        print(f"near {distance:.3f}: keep {drawings[kept].name}, drop {drawings[dropped].name}")
    gone = {dropped for _, dropped, _ in too_near(pictures, args.near)}
    turning = roundness(pictures)
    kept_drawings = [
        {"name": d.name, "body": d.body, "width": d.width, "round": bool(turning[i] < args.round)}
        for i, d in enumerate(drawings)
        if i not in gone
    ]
    print("round:", [d["name"] for d in kept_drawings if d["round"]])
    DATA.write_bytes(gzip.compress(json.dumps(kept_drawings, separators=(",", ":")).encode(), 9, mtime=0))
    print(f"{len(kept_drawings)} objects, {DATA.stat().st_size / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()

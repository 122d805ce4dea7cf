"""Names, numbers, words and addresses that bad requests are made of."""

FIELDS = [
    "prompt",
    "negative_prompt",
    "model",
    "size",
    "seconds",
    "steps",
    "seed",
    "guidance_scale",
    "metadata",
]
FIELDS += [
    "input_reference",
    "task",
    "video",
    "name",
    "url",
    "event_types",
    "enabled",
    "event_type",
    "purpose",
]
FIELDS += ["strength", "loop", "style", "style_alpha", "mask", "last_frame"]
FIELDS += ["__proto__", "constructor", "", "a.b", "a[b]", "a[]", "[", "$ref", "prompt\0", "PROMPT", "пrompt"]
NUMBERS = [
    0,
    -0.0,
    1,
    -1,
    5,
    6,
    20,
    21,
    100,
    101,
    2**31 - 1,
    2**31,
    2**32,
    2**53,
    2**63 - 1,
    2**63,
    2**64,
    -(2**63) - 1,
]
NUMBERS += [1e308, -1e308, 5e-324, 0.1, 1.5, 10**30, 10**300]
WORDS = [
    "",
    " ",
    "\0",
    "\x1b[31m",
    "\u202e",
    "\ufeff",
    "\U0010ffff",
    "a" * 2001,
    "é" * 4000,
    "../../etc/passwd",
    "${jndi:x}",
]
WORDS += [
    "'; DROP TABLE",
    "%s%n",
    "{{7*7}}",
    "<script>",
    "NaN",
    "Infinity",
    "1e999",
    "0x10",
    "١٢",
    "1_000",
    "+1",
    " 1 ",
    "true",
]
POSTS = [
    "/v1/videos",
    "/v1/videos/edits",
    "/v1/videos/extensions",
    "/v1/videos/video_x/remix",
    "/v1/webhook_endpoints",
]
POSTS += [
    "/v1/webhook_endpoints/we_x",
    "/v1/webhook_endpoints/we_x/test",
    "/v1/webhook_endpoints/we_x/rotate_secret",
    "/v1/files",
]
QUERIES = ["after", "limit", "order", "variant", "purpose", "expires", "signature", "x"]

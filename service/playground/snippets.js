// The same video asked for elsewhere: by curl, and by the official Python client. A key is never written out.

const OWN = new Set(["prompt", "model", "size", "seconds"]); // what that client has arguments for
const NUMBERS = new Set(["seed", "steps", "guidance_scale", "strength", "style_alpha"]);

/** How it was asked for, with the seed that it got, where a seed can be asked for. */
function exact({ route, fields, files }, seed) {
  const rest = fields.filter(([name]) => name !== "seed");
  return { route, files, fields: route.endsWith("/videos") && seed ? [...rest, ["seed", seed]] : rest };
}

const shell = (text) => (/^[\w./:@=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
const inForm = (filename) => filename.replaceAll("\\", "\\\\").replaceAll('"', '\\"');

export function curl(asked, { seed, origin, keyed }) {
  const { route, fields, files } = exact(asked, seed);
  const parts = [
    `curl -s ${origin}${route}`,
    ...(keyed ? ['-H "authorization: Bearer $CIOTAT_API_KEY"'] : []),
    ...fields.map(([name, value]) => `--form-string ${shell(`${name}=${value}`)}`),
    ...files.map(([name, filename]) => `-F ${shell(`${name}=@"${inForm(filename)}"`)}`),
  ];
  return `${parts.join(" \\\n  ")}\n`;
}

const text = (value) => JSON.stringify(String(value));

function literal(name, value) {
  if (name === "loop") return value === "true" ? "True" : "False";
  return NUMBERS.has(name) ? String(Number(value) === Number.parseFloat(value) ? value : Number(value)) : text(value);
}

export function python(asked, { seed, origin, keyed }) {
  const { route, fields, files } = exact(asked, seed);
  const key = keyed ? 'os.environ["CIOTAT_API_KEY"]' : '"unused"';
  const own = fields.filter(([name]) => OWN.has(name)).map(([name, value]) => `${name}=${text(value)}`);
  const more = fields.filter(([name]) => !OWN.has(name) && !name.includes("[")).map(([name, value]) => `${text(name)}: ${literal(name, value)}`);
  const before = [];
  for (const [name, filename] of files) {
    if (name === "input_reference") own.push(`input_reference=open(${text(filename)}, "rb")`);
    else {
      before.push(`${name} = client.files.create(file=open(${text(filename)}, "rb"), purpose="vision")`);
      more.push(`${text(name)}: {"file_id": ${name}.id}`);
    }
  }
  const [verb, first] = calledAs(route);
  const source = fields.find(([name]) => name === "video[id]");
  if (source) {
    own.push("video=openai.omit");
    more.push(`"video": {"id": ${text(source[1])}}`);
  }
  const given = [...first, ...own, ...(more.length ? [`extra_body={${more.join(", ")}}`] : [])];
  return [
    ...(keyed ? ["import os", ""] : []),
    "import openai",
    "",
    `client = openai.OpenAI(base_url=${text(`${origin}/v1`)}, api_key=${key})`,
    ...before,
    `video = client.videos.${verb}(\n    ${given.join(",\n    ")},\n)`,
    "video = client.videos.poll(video.id)",
    'client.videos.download_content(video.id).write_to_file("video.mp4")',
    "",
  ].join("\n");
}

function calledAs(route) {
  if (route.endsWith("/edits")) return ["edit", []];
  if (route.endsWith("/extensions")) return ["extend", []];
  if (route.endsWith("/remix")) return ["remix", [text(route.split("/").at(-2))]];
  return ["create", []];
}

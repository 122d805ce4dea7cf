// From what stands in the form to the call that asks for it: the route, its fields and its files.

const VIDEO = "/v1/videos";

/** Tasks that have a route of their own where their clip is a video that was made before. */
const DERIVED = {
  video_to_video: ({ source }) => [`${VIDEO}/${source.id}/remix`, ["prompt", "strength"]],
  inpaint: () => [`${VIDEO}/edits`, ["prompt"], true],
  extend: () => [`${VIDEO}/extensions`, ["prompt", "seconds"], true],
};

export const isDerived = (task, source) => Boolean(source?.id) && task in DERIVED;

/** `{ route, fields: [[name, text]], files: [[name, blob, filename]] }`. */
export function requestOf(asked) {
  const { task, source } = asked;
  if (!isDerived(task, source)) return created(asked);
  const [route, names, byField] = DERIVED[task](asked);
  const fields = names.map((name) => [name, asked.fields[name]]);
  if (byField) fields.push(["video[id]", source.id]);
  return { route, fields, files: asked.mask ? [["mask", asked.mask, "mask.png"]] : [] };
}

function created({ task, fields, source, mask, last }) {
  const files = [
    ["input_reference", source?.blob, source && named(source)],
    ["mask", mask, "mask.png"],
    ["last_frame", last?.blob, last && named(last)],
  ];
  return {
    route: VIDEO,
    fields: [["task", task], ...Object.entries(fields).filter(([, value]) => value !== "")],
    files: files.filter(([, blob]) => blob),
  };
}

/** A name for the file of an earlier video, whose own name is its prompt. */
const named = ({ id, name }) => (id ? `${id}.mp4` : name);

export function formOf({ fields, files }) {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  for (const [name, blob, filename] of files) form.append(name, blob, filename);
  return form;
}

// The words for each task: what it is called, what it does, what might be asked of it.

export const TASKS = {
  text_to_video: {
    name: "Text",
    hint: "A video from words alone.",
    create: "Make the video",
    examples: [
      "a red balloon rising over green grass",
      "an octopus circling slowly on a teal background",
      "a rocket moving up quickly under a night sky with stars",
    ],
  },
  image_to_video: {
    name: "Image",
    hint: "Your picture is the first frame; the video goes on from there.",
    create: "Set it in motion",
    examples: ["the boat sails away over the blue sea", "the balloon is rising slowly"],
  },
  inpaint: {
    name: "Inpaint",
    hint: "Paint over what is to be made anew, in a picture or a clip. The rest stays as it is.",
    create: "Make it anew",
    examples: ["a red car moving to the right", "a cat standing still on green grass"],
  },
  cinemagraph: {
    name: "Cinemagraph",
    hint: "A picture that moves where you paint, and stands still everywhere else.",
    create: "Set it in motion",
    examples: ["water flowing slowly", "clouds moving to the left"],
  },
  extend: {
    name: "Extend",
    hint: "A clip that goes on. The length is that of the whole.",
    create: "Let it go on",
    examples: ["the boat lands on yellow sand", "the balloon is falling"],
  },
  interpolate: {
    name: "Between",
    hint: "Two pictures, and what lies between them.",
    create: "Fill the gap",
    examples: ["a boat turns slowly", "a ball rolling to the right"],
  },
  video_to_video: {
    name: "Remix",
    hint: "A clip anew, to other words.",
    create: "Remix it",
    examples: ["a ship on the blue sea", "the same in falling snow"],
  },
  stylize: {
    name: "Stylize",
    hint: "A video from words, drawn in a style.",
    create: "Make the video",
    examples: ["a red balloon rising over green grass", "a lion standing still in front of a brick wall"],
  },
};

/** What the inputs are called where they are asked for. */
export const INPUTS = {
  input_reference: { image_to_video: "First frame", interpolate: "First frame", extend: "The clip so far" },
  last_frame: "Last frame",
};

export const wordsOf = (kinds) => kinds.map((kind) => `a ${kind}`).join(" or ");
export const nameOf = (task) => TASKS[task]?.name ?? task;

// A key, and one that nobody has, with the official client: npm install openai.
import OpenAI from "openai";

const server = process.env.CIOTAT_SERVER ?? "http://127.0.0.1:8000";

for (const apiKey of [process.env.CIOTAT_API_KEY, "ciotat_nobody"]) {
  try {
    await new OpenAI({ baseURL: `${server}/v1`, apiKey }).videos.list();
    console.log("welcome");
  } catch (error) {
    if (!(error instanceof OpenAI.AuthenticationError)) throw error;
    console.log(error.code, error.requestID);
  }
}

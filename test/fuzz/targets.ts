import { rawHttp } from "./raw-http.ts";
import type { Target } from "./target.ts";
import { answers } from "./targets/answers.ts";
import { config } from "./targets/config.ts";
import { html, json, xml } from "./targets/documents.ts";
import { forms } from "./targets/forms.ts";
import { contentType, forwardedFor, link } from "./targets/headers.ts";
import { urls } from "./targets/urls.ts";

export const targets: readonly Target[] = [
  forms,
  urls,
  forwardedFor,
  link,
  contentType,
  html,
  xml,
  json,
  answers,
  config,
  rawHttp,
];

/**
 * What a server says of itself for people, in tags of its announcement and of
 * its first message (CEP-6, CEP-35).
 *
 * @module
 */
import { type Tags, tagValue } from "./tags.ts";

/** What a server says of itself, for people (CEP-6). */
export interface ServerInfo {
  /** Its name. */
  readonly name?: string;
  /** What it does. */
  readonly about?: string;
  /** Its website's URL. */
  readonly website?: string;
  /** Its picture's URL. */
  readonly picture?: string;
}

/** The tags of what is there and not empty. */
export function infoTags({ name, about, website, picture }: ServerInfo = {}): Tags {
  return Object.entries({ name, about, website, picture })
    .filter((entry): entry is [string, string] => typeof entry[1] === "string" && entry[1] !== "");
}

/** What tags say; the texts are as the server wrote them. */
export function readInfo(tags: Tags): ServerInfo {
  return {
    name: tagValue(tags, "name"),
    about: tagValue(tags, "about"),
    website: tagValue(tags, "website"),
    picture: tagValue(tags, "picture"),
  };
}

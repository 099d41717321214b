import { assertEquals } from "@std/assert";
import { Members } from "../../../cli/commands/gateway/_members.ts";

Deno.test("Members counts a server as up while one of its clients has one, and its restarts", () => {
  const members = new Members(["one", "two"]);
  const one = () => members.all[0]!;
  members.note("one", { state: "starting", before: undefined });
  assertEquals(one(), { server: "one", state: "starting", restarts: 0 });
  for (const _ of [1, 2]) members.note("one", { state: "up", before: "starting" });
  members.note("one", { state: "down", before: "up" });
  assertEquals(one(), { server: "one", state: "up", restarts: 0 });
  members.note("one", { state: "up", before: "down" });
  members.note("one", { state: "closed", before: "up" });
  assertEquals(one(), { server: "one", state: "up", restarts: 1 });
  members.note("one", { state: "closed", before: "up" });
  assertEquals(one(), { server: "one", state: "closed", restarts: 1 });
  members.note("three", { state: "up", before: undefined });
  assertEquals(members.all[1], { server: "two", state: "starting", restarts: 0 });
});

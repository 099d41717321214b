import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ChildProcessTransport } from "../../cli/child_process.ts";
import { UpstreamError } from "../../errors.ts";
import type { JsonRpcMessage, JsonRpcResponse } from "../../transport/types.ts";
import { isAlive, serverCommand, until } from "./helpers.ts";

const ENV = { PATH: Deno.env.get("PATH") ?? "", HOME: Deno.env.get("HOME") ?? "" };

/** A child that answers requests one by one. */
class Child extends ChildProcessTransport {
  readonly messages: JsonRpcMessage[] = [];
  readonly errors: Error[] = [];
  readonly stderr: string[];
  closes = 0;

  constructor(command: readonly string[], options: { cwd?: string; maxLineBytes?: number } = {}) {
    const stderr: string[] = [];
    super({
      command: command[0]!,
      args: command.slice(1),
      env: ENV,
      onStderr: (line) => stderr.push(line),
      ...options,
    });
    this.stderr = stderr;
    this.onmessage = (message) => this.messages.push(message);
    this.onerror = (error) => this.errors.push(error);
    this.onclose = () => this.closes++;
  }

  async call(name: string, args: Record<string, unknown> = {}): Promise<string> {
    const id = `call-${this.messages.length}`;
    await this.send({
      jsonrpc: "2.0",
      id,
      method: "tools/call",
      params: { name, arguments: args },
    });
    const answer = await until(() =>
      this.messages.find((message): message is JsonRpcResponse =>
        "id" in message && message.id === id && !("method" in message)
      )
    );
    assert("result" in answer);
    return (answer.result.content as { text: string }[])[0]!.text;
  }
}

Deno.test("ChildProcessTransport passes messages, and stderr line by line", async () => {
  const child = new Child(serverCommand());
  await child.start();
  assertEquals(JSON.parse(await child.call("echo", { text: "hällo\n" })), { text: "hällo\n" });
  await until(() => child.stderr.includes("test server is ready"));
  const pid = child.pid!;
  await child.close();
  await child.close();
  assertEquals(child.closes, 1);
  assertEquals(isAlive(pid), false);
  assertEquals(child.errors, []);
});

Deno.test("F28: ChildProcessTransport.close() ends the whole process group", async () => {
  const child = new Child(serverCommand());
  await child.start();
  const grandchild = Number(await child.call("spawn"));
  assert(isAlive(grandchild));
  await child.close();
  await until(() => !isAlive(grandchild));
});

Deno.test("F28: a child that dies takes its process group along and says how it ended", async () => {
  const child = new Child(serverCommand());
  await child.start();
  const grandchild = Number(await child.call("spawn"));
  await child.send({
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: { name: "die", arguments: { code: 7 } },
  });
  await until(() => child.closes === 1);
  assert(child.errors[0] instanceof UpstreamError);
  assertMatch(child.errors[0].message, /exited with code 7/);
  await until(() => !isAlive(grandchild));
  await assertRejects(
    () => child.send({ jsonrpc: "2.0", method: "x" }),
    UpstreamError,
    "does not run",
  );
  await child.close();
});

Deno.test("ChildProcessTransport.close() ends a child that ignores the end of its input and SIGTERM", async () => {
  const child = new ChildProcessTransport({
    command: "sh",
    args: ["-c", "trap '' TERM; while :; do sleep 1; done"],
    env: ENV,
    stopGraceMs: 100,
  });
  await child.start();
  const pid = child.pid!;
  await child.close();
  assertEquals(isAlive(pid), false);
});

Deno.test("ChildProcessTransport.start() rejects with the cause", async () => {
  const table: [readonly string[], { cwd?: string }, string][] = [
    [
      ["cvm-no-such-command"],
      {},
      '"cvm-no-such-command" could not be started: there is no such command',
    ],
    [
      ["sh"],
      { cwd: "/cvm/no/such/folder" },
      "the working directory /cvm/no/such/folder does not exist",
    ],
    [["/etc/passwd"], {}, '"/etc/passwd" could not be started: it may not be executed'],
  ];
  for (const [command, options, message] of table) {
    const child = new Child(command, options);
    const error = await assertRejects(() => child.start(), UpstreamError, message);
    assertEquals(error.code, "UPSTREAM_FAILED");
    await child.close();
  }
});

Deno.test("ChildProcessTransport survives a line that is no message, and ends a child whose line has no end", async () => {
  const noise = new Child([
    "sh",
    "-c",
    'echo "hello"; echo \'{"jsonrpc":"2.0","method":"x"}\'; cat',
  ]);
  await noise.start();
  await until(() => noise.messages.length === 1);
  assertMatch(noise.errors[0]!.message, /no JSON-RPC message/);
  await noise.close();

  const flood = new Child(["sh", "-c", "while :; do echo -n xxxxxxxxxxxxxxxx; done"], {
    maxLineBytes: 10_000,
  });
  await flood.start();
  await until(() => flood.closes === 1);
  assert(flood.errors.some((error) => /too long/.test(error.message)));
});

import { assertEquals, assertRejects } from "@std/assert";
import { readServersFile } from "../../../cli/servers_file.ts";
import { InputError } from "../../../errors.ts";
import { temporaryFolder, TestIo } from "../helpers.ts";

const ENV = { HOME: "/home/me", TOKEN: "t0ken" };

/** Reads a file with this text. */
async function read(text: string) {
  await using folder = await temporaryFolder();
  const file = `${folder.path}/servers.json`;
  await Deno.writeTextFile(file, text);
  const servers = await readServersFile(file, new TestIo({ env: ENV }).env);
  return {
    ...servers,
    folder: folder.path,
    problems: servers.problems.map(({ name, error }) =>
      `${name}: ${error.message.replace(file, "FILE")}`
    ),
  };
}

Deno.test("readServersFile() reads what Claude, Cursor and VS Code write, comments too", async () => {
  const { entries, problems, disabled, folder } = await read(`{
    // a file that a person wrote
    "globalShortcut": "x",
    "mcpServers": {
      "files": {
        "command": "npx", "args": ["-y", "server", "\${userHome}/docs"],
        "env": { "KEY": "\${TOKEN}", "OTHER": "\${env:TOKEN}", "NONE": "\${NOT_SET:-none}" },
        "cwd": "sub", "envFile": ".env", "autoApprove": ["x"], "disabledTools": ["rm"],
      },
      "web": {
        "type": "http", "url": "https://mcp.test/\${TOKEN}",
        "headers": { "Authorization": "Bearer \${TOKEN}" },
        "cvm": { "name": "Web", "announce": true, "tools": ["a*"], "keyFile": "web.key" },
      },
      "off": { "command": "x", "disabled": true },
    },
  }`);
  assertEquals(problems, []);
  assertEquals(disabled, ["off"]);
  const [files, web] = entries;
  assertEquals(files!.target, {
    command: "npx",
    args: ["-y", "server", "/home/me/docs"],
    env: { KEY: "t0ken", OTHER: "t0ken", NONE: "none" },
    envFiles: [`${folder}/.env`],
    cwd: `${folder}/sub`,
  });
  assertEquals(files!.settings.denyTools, ["rm"]);
  assertEquals(web!.target, {
    url: new URL("https://mcp.test/t0ken"),
    headers: { Authorization: "Bearer t0ken" },
  });
  assertEquals(web!.settings.keyFile, `${folder}/web.key`);
  assertEquals([web!.settings.name, web!.settings.announce, web!.settings.tools], ["Web", true, [
    "a*",
  ]]);
  const vscode = await read(`{"inputs": [], "servers": {"a": {"type": "stdio", "command": "x"}}}`);
  assertEquals(vscode.entries.map(({ name }) => name), ["a"]);
});

Deno.test("readServersFile() says of each bad entry where and why, and takes the others", async () => {
  const { entries, problems } = await read([
    '{"mcpServers": {',
    '"good": {"command": "x"},',
    '"typo": {"comand": "x"},',
    '"both": {"command": "x", "url": "http://x"},',
    '"none": {},',
    '"unset": {"command": "x", "args": ["${NOT_SET}"]},',
    '"input": {"command": "x", "env": {"A": "${input:key}"}},',
    '"ftp": {"url": "ftp://x"},',
    '"sse": {"type": "sse", "url": "http://x"},',
    '"number": {"command": 7},',
    '"headers": {"command": "x", "headers": {}},',
    '"split": {"url": "http://x", "headers": {"A": "b\\nc"}},',
    '"twice": {"command": "x", "command": "y"},',
    '"empty": {"command": " "},',
    '"own": {"command": "x", "cvm": {"anounce": true}},',
    '"allow": {"command": "x", "cvm": {"allow": ["nsec1x"]}}',
    "}}",
  ].join("\n"));
  assertEquals(entries.map(({ name }) => name), ["good"]);
  assertEquals(problems.map((problem) => problem.replace(/mcpServers\.\w+/, "…")), [
    'typo: FILE:3:20: ….comand is unknown; did you mean "command"?',
    "both: FILE:4:33: ….url stands beside a command; an entry has one of them",
    'none: FILE:5:9: … needs a "command" or a "url"',
    "unset: FILE:6:36: ….args[0] has ${NOT_SET}, but the variable NOT_SET is not set",
    "input: FILE:7:40: ….env.A has ${input:key}, which means nothing here; write ${NAME} of a variable",
    "ftp: FILE:8:16: ….url must be a URL that begins with http:// or https://",
    "sse: FILE:9:17: ….type the old HTTP transport with SSE is not spoken; does the server speak http?",
    "number: FILE:10:23: ….command must be a text",
    "headers: FILE:11:40: ….headers needs a url",
    "split: FILE:12:47: ….headers.A is no HTTP header",
    "twice: FILE:13:38: ….command stands there twice",
    "empty: FILE:14:22: ….command must not be empty",
    'own: FILE:15:44: ….cvm.anounce is unknown; did you mean "announce"?',
    "allow: FILE:16:45: ….cvm.allow[0] is a private key",
  ]);
});

Deno.test("readServersFile() refuses what is no file of servers, and says where", async () => {
  const cases: readonly [string, string][] = [
    ["", "servers.json:1:1: "],
    ['{"mcpServers": {\n  "a": }', "servers.json:2:8: this is not JSON: value expected"],
    ["[".repeat(100_000), "servers.json:1:1: it is nested too deeply"],
    ["[]", "servers.json:1:1: must be an object"],
    ["{}", 'has neither "mcpServers" nor "servers"'],
    ['{\n "mcpServer": {}}', "servers.json:2:15: mcpServer is unknown"],
    ['{"mcpServers": {}, "servers": {}}', 'stands beside "mcpServers"'],
    ['{"mcpServers": {"a\\ncvm: b": {}, "a\\ncvm: b": {}}}', "mcpServers.a cvm: b stands there"],
    ['{"mcpServers": []}', "mcpServers must be an object"],
  ];
  for (const [text, message] of cases) await assertRejects(() => read(text), InputError, message);
});

Deno.test({
  name: "readServersFile() reads no more of a device or a pipe than of a file",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const env = { get: () => undefined, all: () => ({}) };
    await assertRejects(
      () => readServersFile("/dev/zero", env),
      InputError,
      "it is larger than 1048576 bytes",
    );
  },
});

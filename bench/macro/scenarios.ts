/**
 * What the clients of the benchmark do and measure.
 *
 * @module
 */
import { type BenchClient, loadImplementation } from "./implementation.ts";
import { cpuMs } from "./mcp_server.ts";
import { median, quantile } from "./statistics.ts";
import type {
  AnswerFigures,
  CallFigures,
  LoadFigures,
  RelayFigures,
  Scenario,
  SessionFigures,
  StreamFigures,
  Task,
  Usage,
} from "./task.ts";

type ClientTask = Task & { readonly role: "client" };

const WARM_UP = 30;
/** Notifications whose way to a relay is timed. */
const PUBLISHED = 3;
/** Sequential calls stop after so long, also with fewer of them. */
const MAX_SEQUENTIAL_MS = 15_000;

/** Does what a task asks for. */
export async function runScenario(task: ClientTask): Promise<unknown> {
  const { scenario } = task;
  switch (scenario.name) {
    case "calls":
      return await measureCalls(await connect(task), scenario);
    case "answers":
      return await measureAnswers(await connect(task), scenario);
    case "streams":
      return await measureStream(await connect(task), scenario);
    case "sessions":
      return await measureSessions(task, scenario);
    case "relays":
      return await measureRelays(task, scenario);
  }
}

async function connect(task: ClientTask): Promise<BenchClient> {
  const { connectClient } = await loadImplementation(task.variant);
  return await connectClient(task, task.server);
}

async function echo({ client }: BenchClient): Promise<void> {
  await client.callTool({ name: "echo", arguments: { text: "some short message" } });
}

async function usageOf({ client }: BenchClient, collect = false): Promise<Usage> {
  const { content } = await client.callTool({ name: "usage", arguments: { collect } });
  const [first] = Array.isArray(content) ? content : [];
  return JSON.parse(first?.text ?? "{}");
}

/** Calls one after the other; how long each took. */
async function sequence(peer: BenchClient, calls: number): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + MAX_SEQUENTIAL_MS;
  while (times.length < calls && performance.now() < end) {
    const started = performance.now();
    await echo(peer);
    times.push(performance.now() - started);
  }
  return times;
}

/** The CPU time of both sides while something is done. */
async function cost(peer: BenchClient, act: () => Promise<void>) {
  const server = await usageOf(peer);
  const client = cpuMs();
  const started = performance.now();
  await act();
  const ms = performance.now() - started;
  const clientCpuMs = cpuMs() - client;
  return { ms, clientCpuMs, serverCpuMs: (await usageOf(peer)).cpuMs - server.cpuMs };
}

async function measureCalls(
  peer: BenchClient,
  { sequential, inFlight, ms }: Scenario & { readonly name: "calls" },
): Promise<CallFigures> {
  await sequence(peer, WARM_UP);
  const times = await sequence(peer, sequential);
  const loads: LoadFigures[] = [];
  for (const width of inFlight) {
    let calls = 0;
    const spent = await cost(peer, async () => {
      const end = performance.now() + ms;
      await Promise.all(Array.from({ length: width }, async () => {
        for (; performance.now() < end; calls++) await echo(peer);
      }));
    });
    loads.push({
      inFlight: width,
      callsPerSecond: calls / spent.ms * 1_000,
      clientCpuMs: spent.clientCpuMs / calls,
      serverCpuMs: spent.serverCpuMs / calls,
    });
  }
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99), loads };
}

async function measureAnswers(
  peer: BenchClient,
  { answers, timeoutMs }: Scenario & { readonly name: "answers" },
): Promise<AnswerFigures[]> {
  await sequence(peer, 5);
  const figures: AnswerFigures[] = [];
  for (const { bytes, repeats } of answers) {
    const times: number[] = [];
    try {
      const spent = await cost(peer, async () => {
        for (let i = 0; i < repeats; i++) times.push(await timeAnswer(peer, { bytes, timeoutMs }));
      });
      const clientCpuMs = spent.clientCpuMs / repeats;
      const serverCpuMs = spent.serverCpuMs / repeats;
      figures.push({ bytes, ms: median(times), clientCpuMs, serverCpuMs });
    } catch (error) {
      figures.push({ bytes, error: messageOf(error) });
      break; // a larger one would only take as long to fail
    }
  }
  return figures;
}

async function timeAnswer(
  { client }: BenchClient,
  { bytes, timeoutMs }: { readonly bytes: number; readonly timeoutMs: number },
): Promise<number> {
  const started = performance.now();
  // CEP-22 answers in parts only who sends a token of progress.
  const { content } = await client.callTool(
    { name: "answer", arguments: { count: bytes / 1_000 } },
    undefined,
    { timeout: timeoutMs, onprogress: () => undefined },
  );
  const [first] = Array.isArray(content) ? content : [];
  if (first?.text?.length !== bytes) throw new Error(`${first?.text?.length} bytes came`);
  return performance.now() - started;
}

async function measureStream(
  peer: BenchClient,
  { chunks, timeoutMs }: Scenario & { readonly name: "streams" },
): Promise<StreamFigures> {
  await sequence(peer, 5);
  let came = 0;
  const read = async () => {
    const { stream, result } = await peer.stream({ name: "stream", arguments: { count: chunks } });
    for await (const chunk of stream) came += chunk.length / 1_000;
    await result;
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`after ${came} chunks: timeout`)), timeoutMs);
  });
  try {
    const { ms, clientCpuMs, serverCpuMs } = await Promise.race([cost(peer, read), late]);
    if (came !== chunks) throw new Error(`${came} of ${chunks} chunks came`);
    return {
      chunksPerSecond: chunks / ms * 1_000,
      clientCpuMs: clientCpuMs / chunks,
      serverCpuMs: serverCpuMs / chunks,
    };
  } catch (error) {
    return { error: messageOf(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** The clients are always ours: it is the server that is measured. */
async function measureSessions(
  task: ClientTask,
  { sessions, calls }: Scenario & { readonly name: "sessions" },
): Promise<SessionFigures> {
  const { connectClient, connectClients } = await import("./ours.ts");
  const side = { ...task, variant: { ...task.variant, engine: "native", socket: "ws" } } as const;
  const observer = await connectClient(side, task.server);
  await sequence(observer, WARM_UP);
  const before = await usageOf(observer, true);
  const clients = await connectClients(side, { server: task.server, count: sessions });
  const idle = await usageOf(observer, true);
  let left = calls;
  const { serverCpuMs } = await cost(observer, async () => {
    await Promise.all(Array.from({ length: 16 }, async () => {
      while (left > 0) {
        const client = clients[left-- % clients.length];
        if (client !== undefined) await echo(client);
      }
    }));
  });
  return {
    serverCpuMs: serverCpuMs / calls,
    heapBytes: (idle.heapBytes - before.heapBytes) / sessions,
    rssBytes: (idle.rssBytes - before.rssBytes) / sessions,
  };
}

async function measureRelays(
  task: ClientTask,
  { calls }: Scenario & { readonly name: "relays" },
): Promise<RelayFigures> {
  const started = performance.now();
  const peer = await connect(task);
  const connectMs = performance.now() - started;
  const times = await sequence(peer, calls);
  const published: number[] = [];
  for (let i = 0; i < PUBLISHED; i++) {
    const before = performance.now();
    await peer.client.sendRootsListChanged();
    published.push(performance.now() - before);
  }
  return { connectMs, p50: median(times), publishMs: median(published) };
}

function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s+/g, " ").slice(0, 120);
}

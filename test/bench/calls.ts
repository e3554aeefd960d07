import { type ChildProcess, fork, type ForkOptions } from "node:child_process";
import { once } from "node:events";

/** What a child process can be asked for. Arguments and answers are copied (structured clone). */
export type Calls = Readonly<Record<string, (argument: never) => unknown>>;

export type Child<C extends Calls> = AsyncDisposable & {
  /** Rejects with what the call threw, and when the child ends before it has answered. */
  ask<N extends string & keyof C>(name: N, ...argument: Parameters<C[N]>): Promise<Awaited<ReturnType<C[N]>>>;
  /** Has it stand still, until `resume`. */
  pause(): void;
  resume(): void;
};

type Asked = { readonly id: number; readonly name: string; readonly argument: unknown };
type Answered = { readonly id: number; readonly value?: unknown; readonly fault?: string };

/** `env`: besides our own environment. `flags`: of Node's. */
export type ForkChildOptions = { readonly env?: NodeJS.ProcessEnv | undefined; readonly flags?: readonly string[] };

/** Starts a script that calls `answerCalls`. */
export function forkChild<C extends Calls>(script: string, { env, flags = [] }: ForkChildOptions = {}): Child<C> {
  const options: ForkOptions = { serialization: "advanced", execArgv: [...flags] };
  const child = fork(script, { ...options, env: { ...process.env, ...env } });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  child.on("message", ({ id, value, fault }: Answered) => {
    if (fault === undefined) waiting.get(id)?.resolve(value);
    else waiting.get(id)?.reject(new Error(fault));
    waiting.delete(id);
  });
  child.once("exit", (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`${script} ended with ${code ?? signal}`));
  });

  return {
    ask(name, ...[argument]) {
      const answered = Promise.withResolvers<unknown>();
      lastId += 1;
      waiting.set(lastId, answered);
      child.send({ id: lastId, name, argument } satisfies Asked, (error) => {
        if (error !== null) answered.reject(error);
      });
      return answered.promise as Promise<never>;
    },
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    ...killAtEnd(child),
  };
}

/** Disposing kills it, for what it holds is of no further use; so does the end of this process. */
export function killAtEnd(child: ChildProcess): AsyncDisposable {
  const exited = once(child, "exit");
  const kill = () => void child.kill("SIGKILL");
  process.prependOnceListener("exit", kill); // before the folder goes that it works in
  return {
    async [Symbol.asyncDispose]() {
      process.off("exit", kill);
      kill();
      await exited;
    },
  };
}

/** Answers the parent process until it is gone, and does not outlive it. */
export function answerCalls(calls: Calls): void {
  process.on("message", (asked: Asked) => void perform(calls, asked));
  process.once("disconnect", () => process.exit());
}

async function perform(calls: Calls, { id, name, argument }: Asked): Promise<void> {
  let answered: Answered;
  try {
    answered = { id, value: await calls[name]?.(argument as never) };
  } catch (error) {
    answered = { id, fault: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  process.send?.(answered);
}

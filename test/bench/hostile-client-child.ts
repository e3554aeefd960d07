import { type Attack, attack, type Attacking } from "../support/hostile-client.ts";
import { answerCalls } from "./calls.ts";

let attacking: Attacking | undefined;

const calls = {
  begin(given: Attack): void {
    attacking = attack(given);
  },

  stop: () => attacking?.stop(),
};

export type HostileCalls = typeof calls;

answerCalls(calls);

import { mkdtemp, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { describe, expect, test } from "vitest";

import { openAdminToken } from "../src/admin-token.ts";
import { openPublisher } from "./support/publisher.ts";
import { openSubscriber } from "./support/subscriber.ts";
import { openTestDatabase } from "./support/test-database.ts";
import { openTestHub, type TestHub } from "./support/test-hub.ts";

const token = "a token that was set".replaceAll(" ", "-").padEnd(40, "x");
const settings = { ADMIN_TOKEN: token };
const minuteMs = 60_000;

describe("the admin token", () => {
  test("is made at the first start: 256 random bits, for its owner's eyes only, and the same from then on", async () => {
    await using hub = await openTestHub();
    const file = join(dirname(hub.file), "admin-token");
    const made = await readFile(file, "utf8");
    expect(Buffer.from(made.trim(), "base64url")).toHaveLength(32);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await hub.restart();
    expect(await readFile(file, "utf8")).toBe(made);
    expect((await metrics(hub, made.trim())).status).toBe(200);
    await using another = await openTestHub();
    expect((await metrics(another, made.trim())).status).toBe(401);
  });

  test("is told to be new only once", async () => {
    const folder = await mkdtemp(join(tmpdir(), "carillon-test-"));
    const config = { adminToken: undefined, database: { kind: "file", path: join(folder, "sub", "c.db") } } as const;
    const [first, second] = await Promise.all([openAdminToken(config), openAdminToken(config)]);
    expect([first, second].filter(({ isNew }) => isNew)).toHaveLength(1);
    expect(first.value).toBe(second.value);
  });

  test("that is set leaves no file behind", async () => {
    await using hub = await openTestHub({ settings });
    expect((await metrics(hub, token)).status).toBe(200);
    await expect(stat(join(dirname(hub.file), "admin-token"))).rejects.toThrow("ENOENT");
  });

  test("an empty file of it is no open door", async () => {
    const folder = await mkdtemp(join(tmpdir(), "carillon-test-"));
    await writeFile(join(folder, "admin-token"), "\n");
    const config = { adminToken: undefined, database: { kind: "file", path: join(folder, "c.db") } } as const;
    await expect(openAdminToken(config)).rejects.toThrow("admin-token is empty");
  });
});

describe("the admin door", () => {
  test.each([
    ["nothing", undefined],
    ["another token", `Bearer ${"y".repeat(40)}`],
    ["the beginning of it", `Bearer ${token.slice(0, -1)}`],
    ["more than it", `Bearer ${token}x`],
    ["nothing after Bearer", "Bearer "],
    ["another scheme", `Basic ${token}`],
    ["no scheme", token],
  ])("stays shut to %s", async (_what, authorization) => {
    await using hub = await openTestHub({ settings });
    const response = await ask(hub, "/metrics", authorization);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="carillon"');
    const text = await response.text();
    expect(text).toContain("Authorization");
    expect(text).not.toContain(token);
  });

  test("after ten wrong tokens in a minute a client is not listened to, whatever it shows, for the rest of it", async () => {
    await using hub = await openTestHub({ settings });
    for (let i = 0; i < 10; i += 1) expect((await metrics(hub, `wrong-${i}`)).status).toBe(401);
    hub.clock.advance(20_000);
    const refused = await metrics(hub, token);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "40"]);
    hub.clock.advance(minuteMs - 20_000 - 1);
    expect((await metrics(hub, token)).status).toBe(429);
    hub.clock.advance(1);
    expect((await metrics(hub, token)).status).toBe(200);
  });

  test("who shows the right token, or none, is not counted", async () => {
    await using hub = await openTestHub({ settings });
    for (let i = 0; i < 12; i += 1) expect((await ask(hub, "/metrics", undefined)).status).toBe(401);
    for (let i = 0; i < 12; i += 1) expect((await metrics(hub, token)).status).toBe(200);
  });

  test("CARILLON_ADMIN_PORT moves it all to a port of its own", async () => {
    await using hub = await openTestHub({ settings: { ...settings, ADMIN_PORT: "0" } });
    expect((await metrics(hub, token)).status).toBe(404);
    const own = new URL(hub.url);
    own.port = String(hub.adminPort);
    expect(own.port).not.toBe(new URL(hub.url).port);
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(new URL("/metrics", own), { headers })).status).toBe(200);
    expect((await fetch(new URL("/metrics", own))).status).toBe(401);
    expect((await fetch(own, { method: "POST", body: new URLSearchParams({ "hub.mode": "publish" }) })).status).toBe(
      404,
    );
    const form = { "hub.mode": "subscribe", "hub.topic": own.href, "hub.callback": "http://127.0.0.1:1/cb" };
    expect((await hub.post(form)).status).toBe(403); // the hub's own address
  });
});

describe.each(["file", "postgres"] as const)("/metrics on %s", (kind) => {
  test("tells what is there and what was done, and names nobody", async () => {
    await using database = kind === "postgres" ? await openTestDatabase() : undefined;
    await using hub = await openTestHub({ settings, ...(database && { database }) });
    await using publisher = await openPublisher();
    await using subscriber = await openSubscriber();
    await using failing = await openSubscriber({ receive: () => ({ status: 503 }) });
    const topic = publisher.topic("/feed");
    publisher.serve("/feed", { body: "one" });
    await hub.subscribe(topic, subscriber.callback());
    await hub.subscribe(topic, failing.callback());
    await hub.publish(topic);
    await hub.post({ "hub.mode": "nonsense" });

    const response = await metrics(hub, token);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const text = await response.text();
    const lines = text.split("\n");
    expect(lines).toEqual(
      expect.arrayContaining([
        "# TYPE carillon_topics gauge",
        "carillon_topics 1",
        "carillon_subscriptions 2",
        "carillon_pending_requests 0",
        "carillon_behind_subscriptions 1",
        "carillon_open_breakers 0",
        "carillon_fan_out_lag_seconds 0",
        "# TYPE carillon_verifications_total counter",
        'carillon_verifications_total{mode="subscribe",outcome="apply"} 2',
        'carillon_fetches_total{outcome="changed"} 1',
        'carillon_delivery_attempts_total{outcome="2xx"} 1',
        'carillon_delivery_attempts_total{outcome="5xx"} 1',
        'carillon_http_requests_total{route="hub",status="202"} 2',
        'carillon_http_requests_total{route="hub",status="204"} 1',
        'carillon_http_requests_total{route="hub",status="400"} 1',
        "# TYPE carillon_delivery_attempt_seconds histogram",
        'carillon_delivery_attempt_seconds_bucket{le="+Inf"} 2',
        "carillon_delivery_attempt_seconds_count 2",
      ]),
    );
    expect(text).toContain("process_resident_memory_bytes");
    expect(text).not.toMatch(/127\.0\.0\.1|\/feed/);
  });

  test("the next look has new figures", async () => {
    await using database = kind === "postgres" ? await openTestDatabase() : undefined;
    await using hub = await openTestHub({ settings, ...(database && { database }) });
    await using publisher = await openPublisher();
    await using subscriber = await openSubscriber();
    expect(await (await metrics(hub, token)).text()).toContain("carillon_subscriptions 0\n");
    await hub.subscribe(publisher.topic("/feed"), subscriber.callback());
    const text = await (await metrics(hub, token)).text();
    expect(text).toContain("carillon_subscriptions 1\n");
    expect(text).toContain('carillon_http_requests_total{route="metrics",status="200"} 1\n');
  });
});

function metrics(hub: TestHub, shown: string): Promise<Response> {
  return ask(hub, "/metrics", `Bearer ${shown}`);
}

function ask(hub: TestHub, path: string, authorization: string | undefined): Promise<Response> {
  return fetch(new URL(path, hub.url), { headers: authorization === undefined ? {} : { authorization } });
}

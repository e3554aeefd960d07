import * as library from "./http-libraries.ts";

/** What a client wants of the hub. */
export type Wish = { readonly mode: "subscribe" | "unsubscribe"; readonly topic: string; readonly callback: string };

/** How a client of reference clients.md section 2 asks, byte for byte. */
export type SubscriberRequest = {
  readonly client: string;
  /** Where its users point it at: all of them are in use. */
  readonly at: string;
  readonly headers: readonly string[];
  readonly form: (wish: Wish) => string;
  readonly callback: string;
  /** Absent: the client asks for no lease, and gets the hub's own. */
  readonly lease?: number;
  readonly token?: string;
};

const secret = "5f1d8a6d0c7b4e7f9a51";
const lease = 2_592_000;
const token = "subscribe6b3a55e0261b0304143f805a24924d0c1c44524821305f31d9277843";
const wordPressAgent = "WordPress/6.1.9; http://reader.example; WebSub/PubSubHubbub";

export const subscriberRequests: readonly SubscriberRequest[] = [
  {
    client: "FreshRSS 1.25",
    at: "/",
    headers: library.curl(
      "FreshRSS/1.25.0-dev (Linux; https://freshrss.org)",
      "Accept-Encoding: deflate, gzip, br, zstd",
    ),
    form: ({ mode, topic, callback }) =>
      library.phpForm([
        ["hub.verify", "sync"],
        ["hub.mode", mode],
        ["hub.topic", topic],
        ["hub.callback", callback],
      ]),
    callback: "/api/pshb.php?k=da39a3ee5e6b4b0d3255bfef95601890afd80709",
  },
  {
    client: "npm pubsubhubbub 1.0.2 (no User-Agent)",
    at: "/hub",
    headers: library.nodeRequest,
    form: ({ mode, topic, callback }) =>
      library.componentForm([
        ["hub.callback", callback],
        ["hub.mode", mode],
        ["hub.topic", topic],
        ["hub.verify", "async"],
        ["hub.lease_seconds", "432000"],
      ]),
    callback: "/pubsubhubbub?topic=https%3A%2F%2Fblog.example%2Ffeed%3Fa%3D1&hub=https%3A%2F%2Fhub.example%2F",
    lease: 432_000,
  },
  {
    client: "npm youtube-notification 1.1.0",
    at: "/subscribe",
    headers: library.nodeAxios,
    form: ({ mode, topic, callback }) =>
      library.standardForm([
        ["hub.callback", callback],
        ["hub.mode", mode],
        ["hub.topic", topic],
        ["hub.secret", secret],
      ]),
    callback: "/youtube/notifications",
  },
  {
    client: "Flask-WebSub 0.4.1",
    at: "/hub/",
    headers: library.pythonRequests(),
    form: ({ mode, topic, callback }) =>
      library.pythonForm([
        ["hub.callback", callback],
        ["hub.mode", mode],
        ["hub.topic", topic],
        ["hub.lease_seconds", "86400"],
      ]),
    callback: "/callbacks/5ba51e46-9d2f-4a52-9f4e-5c6ba6aa1d0e",
    lease: 86_400,
  },
  {
    client: "django-push 2.0 (hub.verify twice)",
    at: "/",
    headers: library.pythonRequests("django-push/2.0"),
    form: ({ mode, topic, callback }) =>
      library.pythonForm([
        ["hub.mode", mode],
        ["hub.callback", callback],
        ["hub.topic", topic],
        ["hub.verify", "sync"],
        ["hub.verify", "async"],
        ["hub.secret", secret],
        ["hub.lease_seconds", String(lease)],
      ]),
    callback: "/subscriber/17/",
    lease,
  },
  {
    client: "websubsub 0.9.3",
    at: "/hub",
    headers: library.pythonRequests(),
    form: ({ mode, topic, callback }) =>
      library.pythonForm([
        ["hub.mode", mode],
        ["hub.topic", topic],
        ["hub.callback", callback],
      ]),
    callback: "/websubcallback/5c6ba6aa-1d0e",
  },
  {
    client: "NewsBlur (with hub.verify_token)",
    at: "/",
    headers: library.pythonRequests(),
    form: ({ mode, topic, callback }) =>
      library.pythonForm([
        ["hub.mode", mode],
        ["hub.callback", callback],
        ["hub.topic", topic],
        ["hub.verify", "async"],
        ["hub.verify", "sync"],
        ["hub.verify_token", token],
        ["hub.lease_seconds", String(lease)],
      ]),
    callback: "/push/5299728",
    lease,
    token,
  },
  {
    client: "Feedbin (no User-Agent)",
    at: "/",
    headers: library.rubyHttp(),
    form: ({ mode, topic, callback }) =>
      library.standardForm([
        ["hub.mode", mode],
        ["hub.topic", topic],
        ["hub.callback", callback],
        ["hub.verify", "async"],
        ["hub.secret", secret],
      ]),
    callback: "/push/feeds/1379740",
  },
  {
    client: "WordPress plugin 4.0.0",
    at: "/hub/",
    headers: library.wordPress(wordPressAgent),
    form: ({ mode, topic, callback }) =>
      library.phpForm([
        ["hub.mode", mode],
        ["hub.topic", topic],
        ["hub.callback", callback],
        ["hub.secret", secret],
        ["hub.lease_seconds", "604800"],
      ]),
    callback: "/wp-json/pubsubhubbub/1.0/callback?subscription_id=feed-42",
    lease: 604_800,
  },
  {
    client: "Friendica 2024.09",
    at: "/",
    headers: library.curl("Friendica 'Yellow Archangel' 2024.09; https://social.example"),
    form: ({ mode, topic, callback }) =>
      library.phpForm([
        ["hub.mode", mode],
        ["hub.callback", callback],
        ["hub.topic", topic],
        ["hub.verify", "async"],
        ["hub.verify_token", "d41d8cd98f00b204"],
      ]),
    callback: "/pubsub/jane/12",
    token: "d41d8cd98f00b204",
  },
  {
    client: "Known",
    at: "/hub",
    headers: library.curl("Known https://withknown.com"),
    form: ({ mode, topic, callback }) =>
      library.phpForm([
        ["hub.callback", callback],
        ["hub.mode", mode],
        ["hub.verify", "async"],
        ["hub.topic", topic],
      ]),
    callback: "/pubsub/callback/5f1d8a/6d0c7b",
  },
  {
    client: "Swift WebSubKit (: and / not encoded)",
    at: "/subscribe/",
    headers: library.swiftVapor,
    form: ({ mode, topic, callback }) =>
      library.vaporForm([
        ["hub.callback", callback],
        ["hub.topic", topic],
        ["hub.verify", "sync"],
        ["hub.mode", mode],
        ["hub.lease_seconds", "864000"],
      ]),
    callback: "/subscriber/callback/5BA51E46",
  },
  {
    client: "Rust websub-sub",
    at: "/hub",
    headers: library.rustHyper,
    form: ({ mode, topic, callback }) =>
      library.standardForm([
        ["hub.mode", mode],
        ["hub.callback", callback],
        ["hub.topic", topic],
        ["hub.secret", secret],
      ]),
    callback: "/websub/5b-_a",
  },
  {
    client: "Mastodon with OStatus (empty fields)",
    at: "/",
    headers: library.rubyHttp("User-Agent: OStatus2/2.0.3 (http.rb/2.2.2)"),
    form: ({ mode, topic, callback }) =>
      library.standardForm([
        ["hub.topic", topic],
        ["hub.mode", mode],
        ["hub.callback", callback],
        ["hub.verify", "async"],
        ["hub.verify_token", ""],
        ["hub.lease_seconds", ""],
        ["hub.secret", secret],
      ]),
    callback: "/api/subscriptions/31",
  },
  {
    client: "GNU social (with hub.verify_token)",
    at: "/",
    headers: library.curl("GNU social/1.2.0"),
    form: ({ mode, topic, callback }) =>
      library.phpForm([
        ["hub.mode", mode],
        ["hub.callback", callback],
        ["hub.verify", "async"],
        ["hub.verify_token", "Deprecated-since-PuSH-0.4"],
        ["hub.lease_seconds", String(lease)],
        ["hub.secret", secret],
        ["hub.topic", topic],
      ]),
    callback: "/main/push/callback/7",
    lease,
    token: "Deprecated-since-PuSH-0.4",
  },
];

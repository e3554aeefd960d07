import { describe, expect, test } from "vitest";
import { denyUnadvertised } from "../../src/fetch/accept-topic.ts";

describe("§5.2 CARILLON_TOPIC_POLICY=advertised", () => {
  const topic = "https://blog.example/feed";
  const ours = ["https://hub.example/", "https://hub.example/hub", "https://hub.example/hub/"];

  test.each([["https://hub.example/"], ["https://HUB.example:443/hub"], ["https://hub.example/hub/"]])(
    "%s is this hub",
    (hub) => {
      expect(denyUnadvertised({ hubs: ["https://other.example/", hub], self: undefined }, topic, ours)).toBeUndefined();
    },
  );

  test.each([[[]], [["https://other.example/"]], [["http://hub.example/"]], [["https://hub.example/x"]]])(
    "%j is not",
    (hubs) => {
      expect(denyUnadvertised({ hubs, self: topic }, topic, ours)).toBe(
        'https://blog.example/feed does not advertise this hub: it needs a link with rel="hub" to https://hub.example/',
      );
    },
  );
});

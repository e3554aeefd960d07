import { expect, test } from "vitest";

import { explainConfig, loadConfig } from "../src/config.ts";

const rule = "must be the http URL of a proxy, such as http://user:password@10.0.0.9:4750";

test.each([
  { text: "http://Proxy:80", url: "http://proxy/" },
  { text: "http://10.0.0.9:4750/", url: "http://10.0.0.9:4750/" },
  { text: "http://hub:p%40ss@[::1]:1", url: "http://hub:p%40ss@[::1]:1/" },
])("CARILLON_EGRESS_PROXY=$text is $url", ({ text, url }) => {
  expect(loadConfig({ CARILLON_EGRESS_PROXY: text }, []).egressProxy).toBe(url);
});

test.each(["proxy:3128", "https://proxy/", "socks5://proxy/", "http://proxy/path", "http://proxy/?", "http://%zz@h/"])(
  "CARILLON_EGRESS_PROXY=%s is refused",
  (text) => {
    expect(() => loadConfig({ CARILLON_EGRESS_PROXY: text }, [])).toThrow(
      `CARILLON_EGRESS_PROXY is "${text}": ${rule}`,
    );
  },
);

test("the password of the proxy is not shown, not even where it is refused", () => {
  const shown = explainConfig({ CARILLON_EGRESS_PROXY: "http://hub:s3cret@proxy:3128" }, []);
  expect(shown).toContainEqual({
    name: "CARILLON_EGRESS_PROXY",
    text: "http://hub:***@proxy:3128",
    from: "environment",
  });
  const refused = () => loadConfig({ CARILLON_EGRESS_PROXY: "https://hub:s3cret@proxy" }, []);
  expect(refused).toThrow(`CARILLON_EGRESS_PROXY is "https://hub:***@proxy": ${rule}`);
});

import process from "node:process";

// What matters most of the specification, on PostgreSQL; all of it: CARILLON_TEST_STORE=postgres npm test -- test/spec.

process.env["CARILLON_TEST_STORE"] = "postgres";
await import("../spec/section-7-order.test.ts");
await import("../spec/section-7-ending.test.ts");
await import("../spec/section-7-checkpoints.test.ts");

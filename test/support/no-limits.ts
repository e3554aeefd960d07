/** Tests, which all come from one address and have their peers at another, are no strangers to be kept at bay. */
export const noLimits = {
  CARILLON_REQUESTS_PER_MINUTE: "0",
  CARILLON_VERIFICATIONS_PER_MINUTE: "0",
  CARILLON_PENDING_PER_CLIENT: "0",
  CARILLON_PENDING_PER_HOST: "0",
  CARILLON_SUBSCRIPTIONS_PER_HOST: "0",
} as const;

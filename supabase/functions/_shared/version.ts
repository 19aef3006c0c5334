/** The version of the pack; `version_test.ts` keeps it equal to the one in package.json. */
export const version = "0.1.0";

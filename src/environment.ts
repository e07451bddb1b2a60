/** The environment, for the few that speak a protocol of its (LISTEN_FDS, PATH). Everything else is configuration. */
export const environment = (): NodeJS.ProcessEnv => process.env;

/** What the environment can change about the host. */
export interface Config {
  host: string
  port: number
  /** A PostgreSQL server; without one, the host brings its own. */
  databaseUrl: string | undefined
  /** Where the host's own PostgreSQL keeps its data. */
  dataDir: string
  adminToken: string
  viewerToken: string
  /** Whether the host has SCIM settings to attach a token to. */
  scimSettings: boolean
}

/** Reads the environment. An empty variable counts as absent. */
export function readConfig (env: NodeJS.ProcessEnv): Config {
  return {
    host: env['HOST'] || '127.0.0.1',
    port: Number(env['PORT'] || 4242),
    databaseUrl: env['DATABASE_URL'] || undefined,
    dataDir: env['DATA_DIR'] || '.data',
    adminToken: env['ADMIN_TOKEN'] || '*:*.example-admin',
    viewerToken: env['VIEWER_TOKEN'] || '*:*.example-viewer',
    scimSettings: env['SCIM_SETTINGS'] !== 'none'
  }
}

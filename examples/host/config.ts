/** What the environment can change about the host. */
export interface Config {
  host: string
  port: number
  /** A PostgreSQL server; without one, the host brings its own. */
  databaseUrl: string | undefined
  /** Where the host's own PostgreSQL keeps its data. */
  dataDir: string
  adminToken: string
  adminPassword: string
  viewerToken: string
  viewerPassword: string
  /** Whether the host has SCIM settings to attach a token to. */
  scimSettings: boolean
  /** Origins whose pages may call the admin routes besides the host's own. */
  trustedOrigins: string[]
  /** How many tokens a client may generate, and how often it may try to log in, in a minute; 0 for no limit. */
  rateLimit: number
}

/**
 * Reads the environment. An empty variable counts as absent.
 *
 * @throws Error that names the first variable that cannot be used and says what it must be
 */
export function readConfig (env: NodeJS.ProcessEnv): Config {
  return {
    host: env['HOST'] || '127.0.0.1',
    port: readInteger(env, 'PORT', 4242, 65_535),
    databaseUrl: env['DATABASE_URL'] || undefined,
    dataDir: env['DATA_DIR'] || '.data',
    adminToken: env['ADMIN_TOKEN'] || '*:*.example-admin',
    adminPassword: env['ADMIN_PASSWORD'] || 'example-admin-password',
    viewerToken: env['VIEWER_TOKEN'] || '*:*.example-viewer',
    viewerPassword: env['VIEWER_PASSWORD'] || 'example-viewer-password',
    scimSettings: env['SCIM_SETTINGS'] !== 'none',
    trustedOrigins: (env['TRUSTED_ORIGINS'] ?? '').split(',').map((origin) => origin.trim()).filter(Boolean),
    rateLimit: readInteger(env, 'RATE_LIMIT', 30, 1_000_000)
  }
}

function readInteger (env: NodeJS.ProcessEnv, name: string, absent: number, max: number): number {
  const text = env[name] || String(absent)
  if (!/^\d+$/.test(text) || Number(text) > max) {
    throw new Error(`${name} must be a whole number from 0 to ${max}, and it is "${text}".`)
  }
  return Number(text)
}

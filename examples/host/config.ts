/** The configuration of the host. */
export interface Config {
  host: string
  port: number
  /** The PostgreSQL server; the embedded one if undefined. */
  databaseUrl: string | undefined
  /** The folder of the embedded PostgreSQL. */
  dataDir: string
  adminToken: string
  adminPassword: string
  viewerToken: string
  viewerPassword: string
  /** Whether the host has SCIM settings, without which no token can be generated. */
  scimSettings: boolean
  /** Other origins whose pages may call the admin routes. */
  trustedOrigins: string[]
  /** How many tokens a client may generate, and how many times it may try to log in, per minute; 0 for no limit. */
  rateLimit: number
}

/**
 * Reads the configuration from the environment. An empty variable is the same as none.
 *
 * @throws Error that names the first unusable variable, what it must be and what it is
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

function readInteger (env: NodeJS.ProcessEnv, name: string, defaultValue: number, max: number): number {
  const text = env[name] || String(defaultValue)
  if (!/^\d+$/.test(text) || Number(text) > max) {
    throw new Error(`${name} must be a whole number from 0 to ${max}, got "${text}".`)
  }
  return Number(text)
}

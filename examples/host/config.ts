import { isIP } from 'node:net'

/** The configuration of the host. */
export interface Config {
  host: string
  port: number
  /** Addresses of the proxies in front, whose `X-Forwarded-*` headers are trusted; undefined if there is none. */
  trustProxy: string[] | undefined
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
  /**
   * How many tokens an address may generate per minute, and how many times it may try to log in; and how many
   * times anyone may try to log in under one name in 15 minutes. 0 for no limit.
   */
  rateLimit: number
}

// Everyone can read these, so they are accepted only if no other machine can connect.
const defaultSecrets = {
  ADMIN_TOKEN: '*:*.example-admin',
  ADMIN_PASSWORD: 'example-admin-password',
  VIEWER_TOKEN: '*:*.example-viewer',
  VIEWER_PASSWORD: 'example-viewer-password'
}
const loopback = /^(localhost|127(\.\d+){3}|::1)$/

/**
 * Reads the configuration from the environment. An empty variable is the same as none.
 *
 * @throws Error that names the first unusable variable and what it must be
 */
export function readConfig (env: NodeJS.ProcessEnv): Config {
  const host = env['HOST'] || '127.0.0.1'
  const trustProxy = readList(env, 'TRUST_PROXY')
  for (const address of trustProxy) {
    if (isIP(address.replace(/\/\d+$/, '')) === 0) throw new Error(`TRUST_PROXY must be IP addresses or networks of the proxies in front, such as "127.0.0.1, 10.0.0.0/8", got "${address}".`)
  }
  // A proxy on this machine makes a loopback address public.
  const isPublic = !loopback.test(host) || trustProxy.length > 0

  return {
    host,
    port: readInteger(env, 'PORT', 4242, 65_535),
    trustProxy: trustProxy.length > 0 ? trustProxy : undefined,
    databaseUrl: env['DATABASE_URL'] || undefined,
    dataDir: env['DATA_DIR'] || '.data',
    adminToken: readSecret('ADMIN_TOKEN'),
    adminPassword: readSecret('ADMIN_PASSWORD'),
    viewerToken: readSecret('VIEWER_TOKEN'),
    viewerPassword: readSecret('VIEWER_PASSWORD'),
    scimSettings: env['SCIM_SETTINGS'] !== 'none',
    trustedOrigins: readList(env, 'TRUSTED_ORIGINS'),
    rateLimit: readInteger(env, 'RATE_LIMIT', 30, 1_000_000)
  }

  function readSecret (name: keyof typeof defaultSecrets): string {
    const secret = env[name] || defaultSecrets[name]
    if (isPublic && secret === defaultSecrets[name]) {
      throw new Error(`${name} must be a secret of your own, as HOST is not a loopback address or TRUST_PROXY is set: everyone can read the default.`)
    }
    return secret
  }
}

function readList (env: NodeJS.ProcessEnv, name: string): string[] {
  return (env[name] ?? '').split(',').map((item) => item.trim()).filter(Boolean)
}

function readInteger (env: NodeJS.ProcessEnv, name: string, defaultValue: number, max: number): number {
  const text = env[name] || String(defaultValue)
  if (!/^\d+$/.test(text) || Number(text) > max) {
    throw new Error(`${name} must be a whole number from 0 to ${max}, got "${text}".`)
  }
  return Number(text)
}

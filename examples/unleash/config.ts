/** The configuration of the host. */
export interface Config {
  host: string
  port: number
  /** The origin of the Unleash server behind this host. */
  unleashUrl: string
  /** The database of that server. */
  databaseUrl: string
  /** The addresses of proxies in front of this host, as Fastify's `trustProxy` takes them. */
  trustProxy: string | false
  /** The root role of a user who is created. */
  defaultRole: string
  /** The root roles of groups, by the name of the group. */
  rootRoles: ReadonlyMap<string, string>
}

/**
 * Reads the configuration from the environment. An empty variable is the same as none.
 *
 * @throws Error that names the first unusable variable and what it must be
 */
export function readConfig (env: NodeJS.ProcessEnv): Config {
  return {
    host: env['HOST'] || '127.0.0.1',
    port: readPort(env['PORT'] || '4242'),
    unleashUrl: readUnleashUrl(env['UNLEASH_URL']),
    databaseUrl: env['DATABASE_URL'] || missing('DATABASE_URL', 'the database of Unleash, such as postgres://unleash:...@db.internal/unleash'),
    trustProxy: env['TRUST_PROXY'] || false,
    defaultRole: env['SCIM_DEFAULT_ROLE'] || 'Viewer',
    rootRoles: readRootRoles(env['SCIM_ROOT_ROLES'] || '{}')
  }
}

function readPort (text: string): number {
  if (!/^\d+$/.test(text) || Number(text) > 65_535) throw new Error(`PORT must be a whole number from 0 to 65535, got "${text}".`)
  return Number(text)
}

function readUnleashUrl (text: string | undefined): string {
  if (!text) return missing('UNLEASH_URL', 'the address of Unleash, such as http://unleash.internal:4242')
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.href !== `${url.origin}/`) {
    throw new Error(`UNLEASH_URL must be an http or https URL without a path, such as http://unleash.internal:4242, got "${text}".`)
  }
  return url.origin
}

function readRootRoles (text: string): ReadonlyMap<string, string> {
  const mustBe = 'SCIM_ROOT_ROLES must be a JSON object of root roles by group name, such as {"flag-editors":"Editor"}'
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new Error(`${mustBe}, got ${text}.`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${mustBe}, got ${text}.`)
  const entries = Object.entries(value)
  if (!entries.every(([, role]) => typeof role === 'string')) throw new Error(`${mustBe}, got ${text}.`)
  return new Map(entries)
}

function missing (name: string, mustBe: string): never {
  throw new Error(`${name} must be ${mustBe}; it is not set.`)
}

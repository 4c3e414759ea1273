import type { Queryable } from '../scim/postgres-pool.ts'
import type { Config } from './config.ts'

const knownVersion = '8.2'

/** The columns of Unleash's tables that this host reads and writes. They are Unleash's private shape. */
const knownColumns: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  users: {
    id: 'integer',
    name: 'character varying',
    username: 'character varying',
    email: 'character varying',
    email_hash: 'text',
    scim_id: 'text',
    scim_external_id: 'text',
    is_service: 'boolean',
    is_system: 'boolean',
    deleted_at: 'timestamp with time zone',
    created_at: 'timestamp without time zone'
  },
  roles: { id: 'integer', name: 'text', type: 'text' },
  role_permission: { role_id: 'integer', permission: 'text' },
  role_user: { role_id: 'integer', user_id: 'integer', project: 'character varying' },
  groups: { id: 'integer', name: 'text', created_by: 'text', scim_id: 'text', root_role_id: 'integer' },
  group_user: { group_id: 'integer', user_id: 'integer', created_by: 'text', created_at: 'timestamp with time zone' },
  unleash_session: { sid: 'character varying', sess: 'json' },
  personal_access_tokens: { user_id: 'integer' },
  reset_tokens: { user_id: 'integer' },
  public_signup_tokens_user: { user_id: 'integer' },
  settings: { name: 'character varying', content: 'json' },
  events: {
    id: 'integer',
    type: 'character varying',
    created_by: 'character varying',
    created_by_user_id: 'integer',
    data: 'json',
    pre_data: 'jsonb'
  }
}

/**
 * Checks that this host knows the tables and the version of the Unleash server, that the server authenticates its
 * callers, and that the configured roles exist.
 *
 * @throws Error whose message says what differs
 */
export async function checkUnleash (db: Queryable, { unleashUrl, defaultRole, rootRoles }: Config): Promise<void> {
  await checkColumns(db)
  await checkRoles(db, defaultRole, [...rootRoles.values()])
  await checkServer(unleashUrl)
}

async function checkColumns (db: Queryable): Promise<void> {
  const { rows } = await db.query<{ table: string, column: string, type: string }>(`
    select known.name as table, attname as column, format_type(atttypid, null) as type
    from unnest($1::text[]) as known (name) join pg_attribute on attrelid = to_regclass(quote_ident(known.name))
    where attnum > 0 and not attisdropped`, [Object.keys(knownColumns)]).catch((error: NodeJS.ErrnoException) => {
    // The error for a name with several addresses has no message.
    throw new Error(`The database of DATABASE_URL cannot be used: ${error.message || error.code}.`, { cause: error })
  })
  const found = new Map(rows.map(({ table, column, type }) => [`${table}.${column}`, type]))
  const differences = Object.entries(knownColumns).flatMap(([table, columns]) =>
    Object.entries(columns)
      .filter(([column, type]) => found.get(`${table}.${column}`) !== type)
      .map(([column, type]) => `${table}.${column} is ${found.get(`${table}.${column}`) ?? 'missing'} and must be ${type}`))
  if (differences.length > 0) {
    throw new Error(`The tables of DATABASE_URL are not those of Unleash ${knownVersion}, which this host knows: ${differences.join('; ')}.`)
  }
}

async function checkRoles (db: Queryable, defaultRole: string, rootRoles: readonly string[]): Promise<void> {
  const { rows } = await db.query<{ name: string, admin: boolean }>(`
    select name, exists (select from role_permission where role_id = roles.id and permission = 'ADMIN') as admin
    from roles where type = 'root'`)
  const names = rows.map(({ name }) => name)
  for (const [variable, role] of [['SCIM_DEFAULT_ROLE', defaultRole], ...rootRoles.map((role) => ['SCIM_ROOT_ROLES', role])]) {
    if (!names.includes(String(role))) throw new Error(`${variable} names the root role "${role}", and Unleash has these: ${names.join(', ')}.`)
  }
  if (rows.some(({ name, admin }) => name === defaultRole && admin)) {
    throw new Error(`SCIM_DEFAULT_ROLE is "${defaultRole}": it would make every user of the identity provider an admin.`)
  }
}

async function checkServer (unleashUrl: string): Promise<void> {
  const { info } = Object(await (await request(`${unleashUrl}/docs/openapi.json`)).json().catch(() => null)) as { info?: { version?: unknown } }
  const version = String(info?.version)
  if (!version.startsWith(`${knownVersion}.`)) {
    throw new Error(`The server at UNLEASH_URL is not Unleash ${knownVersion}, which this host knows: the version in its OpenAPI document is ${version}.`)
  }
  const { status } = await request(`${unleashUrl}/api/admin/user`)
  if (status !== 401) throw new Error(`The server at UNLEASH_URL does not authenticate its callers: without credentials its response is ${status}, not 401.`)
}

async function request (url: string): Promise<Response> {
  return await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(5000) }).catch((cause) => {
    throw new Error(`The server at UNLEASH_URL cannot be reached: ${url} (${cause.cause?.code ?? cause.message}).`, { cause })
  })
}

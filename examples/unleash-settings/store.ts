import type { ScimSettings, ScimSettingsStore, ScimUser } from 'fastify-scim-token'
import type { Queryable } from 'fastify-scim-token/stores/postgres'

/** Options of {@link unleashSettingsStore}. */
export interface UnleashSettingsStoreOptions<User extends object> {
  /** Unleash's database, with its table `settings` on the search path. It must be the primary. */
  db: Queryable
  /** Returns the name of a user, to be stored beside the token. */
  createdBy: (user: User) => string
}

/** The keys of the content of the row `scim`: the first is Unleash's, the others are ours. */
const enabledKey = 'enabled'
const tokenKey = 'fastifyScimToken'
const fencesKey = 'fastifyScimTokenFences'

/** The numbers under `fencesKey`: the last one drawn, and those of the last writes of token and switch. */
const kinds = ['drawn', 'token', 'enabled'] as const
type Kind = typeof kinds[number]

const tokenHash = `content -> '${tokenKey}' ->> 'hash'`
// The text "true", or anything else that JavaScript takes for true, does not enable SCIM.
const isEnabled = `coalesce((content -> '${enabledKey}')::text = 'true', false)`

const find = `
  select ${tokenHash} as hash, content -> '${tokenKey}' ->> 'createdAt' as "createdAt"
  from settings
  where name = 'scim' and ${isEnabled} and ${tokenHash} is not null`

const getSettings = `
  select ${isEnabled} as enabled, ${tokenHash} is not null as "hasToken"
  from settings
  where name = 'scim'`

// In microseconds. If somebody writes the content without our keys, no number is repeated.
const clock = '(extract(epoch from clock_timestamp()) * 1000000)::bigint'

const drawFence = `
  update settings
  set content = ${contentWith({ [fencesKey]: fencesWith('drawn', `greatest(${lastFence('drawn')} + 1, ${lastFence('token')} + 1, ${lastFence('enabled')} + 1, ${clock})`) })}
  where name = 'scim'
  returning ${lastFence('drawn')} as fence`

const replace = fencedUpdate('token', tokenKey, "json_build_object('hash', $2::text, 'createdAt', $3::text, 'createdBy', $4::text)")

const setEnabled = fencedUpdate('enabled', enabledKey, 'to_json($2::boolean)')

const createSettings = `
  insert into settings (name, content)
  values ('scim', json_build_object('${enabledKey}', $1::boolean, '${fencesKey}', json_build_object('enabled', ${clock})))
  on conflict (name) do nothing
  returning 1`

type Result = Promise<{ rows: unknown[] }>

/**
 * Creates a store in the row `scim` of Unleash's own table `settings(name text primary key, content
 * json)`. A read is one SQL statement, and a write is two, each atomic by itself. A write waits for
 * the lock of the row and is computed from the content that it finds then, so concurrent writes do
 * not undo each other.
 */
export function unleashSettingsStore<User extends object = ScimUser> (
  { db, createdBy }: UnleashSettingsStoreOptions<User>
): ScimSettingsStore<User> {
  return {
    async replace (record, { user, signal }) {
      const by = createdBy(user)
      return await write(db, signal, (fence) => db.query(replace, [fence, record.hash, record.createdAt.toISOString(), by]))
    },

    async find () {
      const { rows } = await db.query(find, [])
      if (rows.length === 0) return null
      const { hash, createdAt } = rows[0] as { hash: string, createdAt: string }
      return { hash, createdAt: new Date(createdAt) }
    },

    async getSettings () {
      const { rows } = await db.query(getSettings, [])
      return rows.length > 0 ? rows[0] as ScimSettings : { enabled: false, hasToken: false }
    },

    async setEnabled (enabled, { signal }) {
      await write(
        db,
        signal,
        (fence) => db.query(setEnabled, [fence, enabled]),
        () => db.query(createSettings, [enabled])
      )
    }
  }
}

/**
 * Writes with a fencing token: a write has no effect if one with a greater number has been stored.
 * It then draws the next number and tries again.
 *
 * @returns `false` if there is no row and no `create`
 */
async function write (
  db: Queryable,
  signal: AbortSignal,
  update: (fence: unknown) => Result,
  create?: () => Result
): Promise<boolean> {
  while (true) {
    try {
      signal.throwIfAborted()
      const { rows: [drawn] } = await db.query(drawFence, []) as { rows: { fence: unknown }[] }
      const writeRow = drawn === undefined ? create : () => update(drawn.fence)
      if (writeRow === undefined) return false
      // If the number was drawn late, after the write was given up, it is greater than those stored since.
      signal.throwIfAborted()
      const { rows } = await writeRow()
      if (rows.length > 0) return true
    } catch (error) {
      // A serialization failure or a deadlock, after which nothing is stored.
      const { code } = Object(error) as { code?: unknown }
      if (code !== '40001' && code !== '40P01') throw error
    }
  }
}

/** Returns the SQL that sets a key, unless a write of this kind with a greater number than `$1` has set it. */
function fencedUpdate (kind: Kind, key: string, value: string): string {
  return `
    update settings
    set content = ${contentWith({ [key]: value, [fencesKey]: fencesWith(kind, '$1::bigint') })}
    where name = 'scim' and ${lastFence(kind)} < $1::bigint
    returning name`
}

function lastFence (kind: Kind): string {
  return `coalesce((content -> '${fencesKey}' ->> '${kind}')::bigint, 0)`
}

/** Returns the SQL for the numbers with one of them set. */
function fencesWith (kind: Kind, number: string): string {
  const numbers = kinds.map((name) => `'${name}', ${name === kind ? number : lastFence(name)}`)
  return `json_build_object(${numbers.join(', ')})`
}

/**
 * Returns the SQL for the content with these keys set. The others keep their order, their duplicates
 * and every digit of their numbers, as jsonb would not. It fails if the content is not an object.
 */
function contentWith (values: Record<string, string>): string {
  const keys = Object.keys(values).map((key) => `'${key}'`).join(', ')
  const rows = Object.entries(values).map(([key, value], i) => `select '${key}' as key, ${value} as value, ${i} - 10 as place`)
  return `(
    select json_object_agg(key, value order by place)
    from (
      ${rows.join(' union all ')}
      union all
      select key, value, place
      from json_each(case coalesce(json_typeof(content), 'null') when 'null' then '{}' else content end)
        with ordinality as kept (key, value, place)
      where key not in (${keys})
    ) as merged
  )`
}

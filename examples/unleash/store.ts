import type { ScimSettings, ScimSettingsStore, ScimUser } from 'fastify-scim-token'
import { fencedWrite, type Fence } from 'fastify-scim-token/fenced-write'
import type { Queryable } from 'fastify-scim-token/stores/postgres'
import type { EventAuthor } from './events.ts'

/** Options of {@link unleashSettingsStore}. */
export interface UnleashSettingsStoreOptions<User extends object> {
  /** Unleash's database, with its tables `settings` and `events` on the search path. It must be the primary. */
  db: Queryable
  /** Returns how Unleash's event log names a user. */
  author: (user: User) => EventAuthor
}

/** The keys of the content of the row `scim`: the first is Unleash's, the others are ours. */
const enabledKey = 'enabled'
const tokenKey = 'fastifyScimToken'
const fenceKey = 'fastifyScimTokenFence'

const tokenHash = `settings.content -> '${tokenKey}' ->> 'hash'`
// The text "true", or anything else that JavaScript takes for true, does not enable SCIM.
const isEnabled = `coalesce((settings.content -> '${enabledKey}')::text = 'true', false)`

const find = `
  select ${tokenHash} as hash, settings.content -> '${tokenKey}' ->> 'createdAt' as created
  from settings
  where name = 'scim' and ${isEnabled} and ${tokenHash} is not null`

const getSettings = `
  select ${isEnabled} as enabled, ${tokenHash} is not null as "hasToken"
  from settings
  where name = 'scim'`

/** Under `fenceKey`: the last number drawn, and that of the last write. */
const drawn = fenceNumber('drawn')
const written = fenceNumber('written')

// In microseconds. If somebody writes the content without our keys, no number is repeated.
const clock = '(extract(epoch from clock_timestamp()) * 1000000)::bigint'
const withNextFence = contentWith({ [fenceKey]: fences(`greatest(${drawn} + 1, ${written} + 1, ${clock})`, written) })

const draw = `
  update settings
  set content = ${withNextFence}
  where name = 'scim'
  returning ${drawn} as fence`

// A missing row is created disabled, as this statement may be executed late.
const createAndDraw = `
  insert into settings (name, content) values ('scim', json_build_object('${enabledKey}', false, '${fenceKey}', ${fences(clock, '0')}))
  on conflict (name) do update set content = ${withNextFence}
  returning ${drawn} as fence`

// The events have neither the hash nor anything else of the token but its time.
const replace = fencedUpdate(
  tokenKey,
  "json_build_object('hash', $4::text, 'createdAt', $5::text, 'createdBy', $2::text)",
  "json_build_object('id', 'scim', 'tokenCreatedAt', $5::text)"
)

const setEnabled = fencedUpdate(enabledKey, 'to_json($4::boolean)', "json_build_object('id', 'scim', 'enabled', $4::boolean)")

/**
 * Creates a store in the row `scim` of Unleash's own table `settings(name text primary key, content
 * json)`. A read is one SQL statement, and a write is two or more, each atomic by itself. A write waits for
 * the lock of the row and is computed from the content that it finds then, so concurrent writes do
 * not undo each other. The statement that writes also adds the event to Unleash's event log.
 */
export function unleashSettingsStore<User extends object = ScimUser> (
  { db, author }: UnleashSettingsStoreOptions<User>
): ScimSettingsStore<User> {
  return {
    async replace ({ hash, createdAt }, { user, signal }) {
      return await write(signal, draw, replace, author(user), [hash, createdAt.toISOString()])
    },

    async find () {
      const { rows } = await db.query(find, [])
      if (rows.length === 0) return null
      const { hash, created } = rows[0] as { hash: string, created: string }
      return { hash, createdAt: new Date(created) }
    },

    async getSettings () {
      const { rows } = await db.query(getSettings, [])
      return rows.length > 0 ? rows[0] as ScimSettings : { enabled: false, hasToken: false }
    },

    async setEnabled (enabled, { user, signal }) {
      await write(signal, createAndDraw, setEnabled, author(user), [enabled])
    }
  }

  /** @returns `false` if there is no row */
  async function write (signal: AbortSignal, drawStatement: string, writeStatement: string, { id, name }: EventAuthor, values: unknown[]): Promise<boolean> {
    return await fencedWrite({
      signal,
      isRolledBack,
      async draw () {
        const { rows: [row] } = await db.query(drawStatement, []) as { rows: { fence: Fence }[] }
        return row?.fence
      },
      async write (fence) {
        const { rows } = await db.query(writeStatement, [fence, name, id, ...values])
        return rows.length > 0
      }
    })
  }
}

/** Whether the error is a serialization failure or a deadlock, after which nothing is stored. */
function isRolledBack (error: unknown): boolean {
  const { code } = Object(error) as { code?: unknown }
  return code === '40001' || code === '40P01'
}

/**
 * Returns the SQL that sets a key and adds an event by the author `$2` with the id `$3`, unless a write with a greater
 * number than `$1` was stored or this row has not issued it.
 */
function fencedUpdate (key: string, value: string, eventData: string): string {
  return `
    with updated as (
      update settings
      set content = ${contentWith({ [key]: value, [fenceKey]: fences(drawn, '$1::bigint') })}
      where name = 'scim' and ${written} < $1::bigint and ${drawn} >= $1::bigint
      returning name
    )
    insert into events (type, created_by, created_by_user_id, data)
    select 'setting-updated', $2::text, $3::integer, ${eventData} from updated
    returning id`
}

function fenceNumber (name: string): string {
  return `coalesce((settings.content -> '${fenceKey}' ->> '${name}')::bigint, 0)`
}

function fences (drawn: string, written: string): string {
  return `json_build_object('drawn', ${drawn}, 'written', ${written})`
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
      from json_each(case coalesce(json_typeof(settings.content), 'null') when 'null' then '{}' else settings.content end)
        with ordinality as kept (key, value, place)
      where key not in (${keys})
    ) as merged
  )`
}

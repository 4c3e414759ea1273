import { setTimeout } from 'node:timers/promises'
import { Pool } from 'pg'
import t from 'tap'
import { settingsConformance, storeConformance, type StoreHarness } from 'fastify-scim-token/store-conformance'
import type { ScimSettingsStore } from 'fastify-scim-token'
import type { Queryable } from 'fastify-scim-token/stores/postgres'
import { unleashSettingsStore } from '../../examples/unleash/store.ts'
import { loseNothing } from '../helpers/concurrent-settings.ts'
import { holdable } from '../helpers/hold-statements.ts'
import { startPostgres } from '../helpers/postgres.ts'
import { createStoreContext } from '../helpers/store-context.ts'

interface User { id: number, name: string }

const postgres = await startPostgres()
const db = new Pool({ connectionString: postgres.url })
// The server may stop before the pool has closed its connections.
db.on('error', () => {})
t.teardown(async () => {
  await db.end()
  await postgres.stop()
})

// As Unleash 8.2 creates them.
const tables = `
  create table settings (name character varying primary key, content json);
  create table events (id serial primary key, created_at timestamptz default now(), type varchar not null, created_by varchar not null, data json, created_by_user_id integer)`
await db.query(tables)

const context = await createStoreContext({ id: 7, name: 'ada' })
const store = unleashSettingsStore<User>({ db, author: (user) => user })
const record = { hash: '0123456789abcdef'.repeat(4), createdAt: new Date('2026-01-02T03:04:05.678Z') }
const other = { hash: 'fedcba9876543210'.repeat(4), createdAt: new Date() }

/** Sets the content of the row to this text or to NULL; `undefined` deletes the row. */
async function setContent (content?: string | null): Promise<void> {
  await db.query('delete from settings')
  if (content !== undefined) await db.query("insert into settings values ('scim', $1), ('other', '{\"mine\": true}')", [content])
}

/** Returns the content exactly as stored. */
async function contentText (): Promise<string> {
  const { rows } = await db.query<{ content: string }>("select content::text from settings where name = 'scim'")
  return rows[0]?.content ?? 'no row'
}

const held = holdable(db)
const harness: StoreHarness<User, ScimSettingsStore<User>> = {
  async open ({ configured }) {
    await setContent(configured ? '{"enabled": true}' : undefined)
    return { store: unleashSettingsStore<User>({ db: held, author: (user) => user }), context }
  },
  holdWrite: (_opened, statement) => held.hold(statement === 'first' ? 1 : 2),
  async failWrites () {
    await db.query('alter table settings add constraint broken check (false) not valid')
    return async () => { await db.query('alter table settings drop constraint broken') }
  }
}

for (const { name, run } of [...storeConformance(harness), ...settingsConformance(harness)]) {
  t.test(name, async (t) => { await t.resolves(run()) })
}

t.test('writes -> the switch in the key that Unleash reads, the token in a key beside it, other rows unchanged', async (t) => {
  await setContent('{"enabled": false}')
  await store.setEnabled(true, context)
  await store.replace(record, context)
  t.match(await rows(), {
    scim: {
      enabled: true,
      fastifyScimTokenFence: { drawn: Number, written: Number },
      fastifyScimToken: { hash: record.hash, createdAt: '2026-01-02T03:04:05.678Z', createdBy: 'ada' }
    },
    other: { mine: true }
  })
})

t.test('setEnabled() without a row -> a row with only the switch and its number', async (t) => {
  await setContent(undefined)
  await store.setEnabled(true, context)
  t.matchOnly(await rows(), { scim: { enabled: true, fastifyScimTokenFence: { drawn: Number, written: Number } } })
})

t.test('writes -> foreign keys of the content are unchanged, byte for byte and in order', async (t) => {
  const foreign = String.raw`"zebra": {"b" :  1.50, "b": -0.0, "a": [1e400, 12345678901234567890.123] },
    "assumeControlOfExisting": null, "n": 1.0E+2, "twice": 1, "twice": "\u00e9\n\ud83d\ude00", "": "", "q\"'\\é": [ ]`
  await setContent(`{"enabled": true, ${foreign}, "enabled": false}`)
  const before = await foreignKeys()
  t.equal(before.length, 7)

  await store.setEnabled(true, context)
  await store.replace(record, context)
  await store.replace(other, context)
  await store.setEnabled(false, context)
  await store.setEnabled(true, context)

  t.same(await foreignKeys(), before)
  t.same(await store.find(context), other)
  const content = (await contentText()).replace(/"fastifyScimTokenFence" : \{.*?\}/, '')
  t.equal(content.match(/"enabled"|"fastifyScimToken/g)?.length, 2, 'each key of the store occurs once')
})

t.test('a row with NULL, null or {} as its content -> disabled without a token, and writes work', async (t) => {
  for (const content of [null, 'null', ' null ', '{}']) {
    await setContent(content)
    t.same(await store.getSettings(context), { enabled: false, hasToken: false }, String(content))
    t.equal(await store.replace(record, context), true)
    t.same([await store.find(context), await store.getSettings(context)], [null, { enabled: false, hasToken: true }])
    await store.setEnabled(true, context)
    t.same(await store.find(context), record)

    await setContent(content)
    await store.setEnabled(true, context)
    t.matchOnly(await rows(), {
      scim: { enabled: true, fastifyScimTokenFence: { drawn: Number, written: Number } },
      other: { mine: true }
    })
  }
})

t.test('"enabled" -> only the JSON value true enables, and the last of duplicate keys is used, as in JavaScript', async (t) => {
  const token = JSON.stringify({ ...record, createdBy: 'ada' })
  const table: [enabled: string, expected: boolean][] = [
    ['"enabled": true', true],
    ['"enabled":\n\ttrue', true],
    ['"enabled": false, "enabled": true', true],
    ['"enabled": true, "enabled": false', false],
    ['"enabled": "true"', false],
    ['"enabled": 1', false],
    ['"enabled": null', false],
    ['"enabled": {"enabled": true}', false],
    ['"Enabled": true', false]
  ]
  for (const [enabled, expected] of table) {
    await setContent(`{${enabled}, "fastifyScimToken": ${token}}`)
    t.same(
      [await store.getSettings(context), await store.find(context)],
      [{ enabled: expected, hasToken: true }, expected ? record : null],
      enabled
    )
  }
})

t.test('an invalid token key -> no token', async (t) => {
  for (const token of ['null', '{}', '[]', '"text"', '{"hash": null}', '{"token": {"hash": "x"}}']) {
    await setContent(`{"enabled": true, "fastifyScimToken": ${token}}`)
    t.same([await store.getSettings(context), await store.find(context)], [{ enabled: true, hasToken: false }, null], token)
  }
})

t.test('content that is not an object or cannot be parsed -> writes reject and the content is unchanged', async (t) => {
  for (const content of ['[]', '[{"enabled": true}]', '"text"', '1', String.raw`{"enabled": true, "foreign": "\u0000"}`, String.raw`{"enabled": true, "foreign": "\ud83d"}`]) {
    await setContent(content)
    await t.rejects(async () => { await store.setEnabled(true, context) })
    await t.rejects(async () => await store.replace(record, context))
    t.equal(await contentText(), content)
  }
})

t.test('a write waits for another writer -> the values of that writer are kept', async (t) => {
  const writes: [name: string, content: string | undefined, write: () => unknown][] = [
    ['setEnabled', '{"enabled": true}', () => store.setEnabled(false, context)],
    ['setEnabled without a row', undefined, () => store.setEnabled(false, context)],
    ['replace', '{"enabled": false}', () => store.replace(record, context)]
  ]
  for (const [name, content, write] of writes) {
    await setContent(content)
    const unleash = await db.connect()
    await unleash.query('begin')
    await unleash.query(`
      insert into settings values ('scim', '{"enabled": true, "foreign": 7}')
      on conflict (name) do update set content = '{"enabled": false, "foreign": 7}'`)
    const written = write()
    await until(async () => (await db.query("select from pg_stat_activity where wait_event_type = 'Lock'")).rowCount === 1)
    await unleash.query('commit')
    unleash.release()
    await written
    t.match((await rows())['scim'], { enabled: false, foreign: 7 }, name)
  }
  t.same(await store.getSettings(context), { enabled: false, hasToken: true })
})

for (const [what, content] of [['overwritten without the numbers', '{"enabled": true}'], ['deleted', undefined]] as const) {
  t.test(`the row is ${what} -> writes that were given up before it have no effect after later ones`, async (t) => {
    await setContent('{"enabled": true}')
    // Numbers grow with the writes.
    for (let i = 0; i < 5; i++) await store.replace(other, context)

    const controller = new AbortController()
    const givenUp = { ...context, signal: controller.signal }
    const open = (db: Queryable) => unleashSettingsStore<User>({ db, author: (user) => user })
    const [forToken, forSwitch] = [holdable(db), holdable(db)]
    const held = [forToken.hold(2), forSwitch.hold(2)]
    const late = [open(forToken).replace(other, givenUp), open(forSwitch).setEnabled(true, givenUp)]
    await Promise.all(held.map(({ held }) => held))
    controller.abort()

    await setContent(content)
    await store.setEnabled(false, context)
    t.equal(await store.replace(record, context), true)
    for (const { release } of held) release()
    await Promise.allSettled(late)

    t.strictSame(await store.getSettings(context), { enabled: false, hasToken: true })
    await store.setEnabled(true, context)
    t.strictSame(await store.find(context), record)
  })
}

t.test('settings changes and tokens concurrently on two nodes -> nothing is lost', async (t) => {
  await loseNothing(t, {
    open: (db) => unleashSettingsStore<object>({ db, author: () => ({ id: 1, name: 'admin' }) }),
    reset: `
      drop table if exists settings, events;
      ${tables};
      insert into settings values ('scim', '{"theirs": "kept", "visits": 0}')`,
    increment: "update settings set content = content::jsonb || jsonb_build_object('visits', (content ->> 'visits')::int + 1)",
    readOthers: "select content ->> 'theirs' as theirs, (content ->> 'visits')::int as visits from settings"
  })
})

t.test('writes -> each adds an event by the admin, which has no hash; a write that fails adds none', async (t) => {
  await setContent('{"enabled": false}')
  await db.query('delete from events')
  await store.setEnabled(true, context)
  await store.replace(record, context)
  await setContent('[]')
  await t.rejects(async () => await store.replace(other, context))
  await setContent(undefined)
  t.equal(await store.replace(other, context), false)
  const { rows } = await db.query('select type, created_by, created_by_user_id, data from events order by id')
  const event = { type: 'setting-updated', created_by: 'ada', created_by_user_id: 7 }
  t.same(rows, [
    { ...event, data: { id: 'scim', enabled: true } },
    { ...event, data: { id: 'scim', tokenCreatedAt: record.createdAt.toISOString() } }
  ])
})

async function rows (): Promise<Record<string, unknown>> {
  const { rows } = await db.query<{ name: string, content: unknown }>('select name, content from settings')
  return Object.fromEntries(rows.map(({ name, content }) => [name, content]))
}

/** Returns the keys of the content that the store does not own, with their values exactly as stored. */
async function foreignKeys (): Promise<unknown[]> {
  const { rows } = await db.query(`
    select key, value::text from settings, json_each(content)
    where name = 'scim' and key not in ('enabled', 'fastifyScimToken', 'fastifyScimTokenFence')`)
  return rows
}

/** Waits until a condition holds. Throws after ten seconds. */
async function until (condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!await condition()) {
    if (Date.now() > deadline) throw new Error('the condition did not hold within ten seconds')
    await setTimeout(5)
  }
}

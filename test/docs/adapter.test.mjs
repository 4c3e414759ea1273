// Runs the conformance cases through an adapter of docs/databases.md, named by the environment, and cuts its network.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { settingsConformance, storeConformance } from 'fastify-scim-token/store-conformance'
import { postgresMigration, postgresStore } from 'fastify-scim-token/stores/postgres'

/** Starts a proxy to the database. While its network is cut, it drops every byte and closes nothing. */
async function startProxy ({ hostname, port }) {
  let isCut = false
  const links = new Set()
  const server = createServer((client) => {
    const database = connect(Number(port), hostname)
    const link = { isLost: isCut, sockets: [] }
    links.add(link)
    for (const [from, to] of [[client, database], [database, client]]) {
      from.on('data', (bytes) => { if (!link.isLost) to.write(bytes) })
      from.on('error', () => {})
      from.on('close', () => { if (!link.isLost) to.destroy() })
      link.sockets.push(from)
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: server.address().port,
    cut () {
      isCut = true
      for (const link of links) link.isLost = true
    },
    restore () { isCut = false },
    /** Closes all connections, as a restart of the database does. */
    async reset () {
      const sockets = [...links].flatMap(({ sockets }) => sockets).filter(({ destroyed }) => !destroyed)
      links.clear()
      await Promise.all(sockets.map((socket) => once(socket.resetAndDestroy(), 'close')))
      // The other ends are in this process, and notice it in its next turns.
      for (let turn = 0; turn < 10; turn++) await setImmediate()
    }
  }
}

const url = new URL(process.env.DATABASE_URL)
const proxy = await startProxy(url)
url.port = proxy.port
process.env.DATABASE_URL = url.href

const { db } = await import(`./${process.env.ADAPTER}`)
await db.query(postgresMigration(), [])

let beforeStatement = async () => {}
const holdable = {
  async query (text, values) {
    await beforeStatement()
    return await db.query(text, values)
  }
}

const harness = {
  async open ({ configured }) {
    const tenant = randomUUID()
    if (configured) await db.query('insert into scim_settings (tenant, enabled) values ($1, true)', [tenant])
    return { store: postgresStore({ db: holdable, createdBy: (user) => user.name, tenant: () => tenant }), context: { request: {}, user: { name: 'ada' } } }
  },
  holdWrite (_opened, statement) {
    let skip = statement === 'first' ? 0 : 1
    let release
    const released = new Promise((resolve) => { release = resolve })
    const held = new Promise((resolve) => {
      beforeStatement = async () => {
        if (skip-- > 0) return
        beforeStatement = async () => {}
        resolve()
        await released
      }
    })
    return { held, release }
  },

  async failWrites () {
    await db.query('alter table scim_settings add constraint broken check (false) not valid', [])
    return async () => { await db.query('alter table scim_settings drop constraint broken', []) }
  }
}

for (const { name, run } of [...storeConformance(harness), ...settingsConformance(harness)]) test(name, run)

test('PostgreSQL rolls each statement of a write back once -> they are repeated, and the write is stored', async () => {
  const { store, context } = await harness.open({ configured: true })
  // A sequence counts the attempts, also those that are rolled back.
  await db.query('create sequence attempts', [])
  await db.query(`create function reject_attempts() returns trigger language plpgsql as $$ begin
    if nextval('attempts') in (1, 3) then raise exception using errcode = '40001'; end if;
    return new;
  end $$`, [])
  await db.query('create trigger reject_attempts before update on scim_settings for each row execute function reject_attempts()', [])
  const { signal } = new AbortController()
  const record = { hash: 'a'.repeat(64), createdAt: new Date() }
  try {
    assert.equal(await store.replace(record, { ...context, signal }), true)
  } finally {
    await db.query('drop function reject_attempts cascade', [])
    await db.query('drop sequence attempts', [])
  }
  assert.deepEqual(await store.find(context), record)
})

// PGlite has no network.
if (process.env.ADAPTER !== 'pglite.mjs') {
  test('the network is cut, or a connection while it executes a statement -> the call is rejected, and the store works again within 10 seconds', async () => {
    const { store, context } = await harness.open({ configured: true })
    const find = async () => await Promise.race([
      store.find(context).then(() => 'found', () => 'rejected'),
      new Promise((resolve) => { setTimeout(resolve, 9000, 'waits').unref() })
    ])
    // As many as use each connection of the pool.
    const findAll = async () => new Set(await Promise.all(Array.from({ length: 20 }, find)))
    assert.deepEqual(await findAll(), new Set(['found']))

    const recovers = async () => {
      const restored = performance.now()
      while (!isOnly(await findAll(), 'found')) {
        assert.ok(performance.now() - restored < 10_000, 'the store does not recover')
      }
    }

    proxy.cut()
    const outcomes = await findAll()
    proxy.restore()
    await recovers()
    assert.deepEqual(outcomes, new Set(['rejected']))

    await proxy.reset()
    await recovers()

    const sleep = db.query('select pg_sleep(2)', []).then(() => 'slept', () => 'rejected')
    while ((await db.query("select pid from pg_stat_activity where wait_event = 'PgSleep'", [])).rows.length === 0);
    await proxy.reset()
    assert.equal(await sleep, 'rejected')
    await recovers()
  })
}

function isOnly (outcomes, outcome) {
  return outcomes.size === 1 && outcomes.has(outcome)
}

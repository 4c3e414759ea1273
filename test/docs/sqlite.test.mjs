// Runs the conformance cases on the SQLite store of docs/custom-store.md, with two connections to one file.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { settingsConformance, storeConformance } from 'fastify-scim-token/store-conformance'
import { openDatabase, sqliteStore } from './sqlite-store.mjs'

const [db, other] = [openDatabase('app.db'), openDatabase('app.db')]

const harness = {
  open ({ configured }) {
    const name = randomUUID()
    if (configured) db.prepare('insert into scim_settings (tenant, enabled) values (?, 1)').run(name)
    const [store, another] = [db, other].map((connection) => sqliteStore(connection, { tenant: () => name }))
    return { store, other: another, context: { request: {}, user: {} } }
  },
  failWrites () {
    db.exec("create trigger broken before update on scim_settings begin select raise(abort, 'broken'); end")
    return () => { db.exec('drop trigger broken') }
  }
}

for (const { name, run } of [...storeConformance(harness), ...settingsConformance(harness)]) test(name, run)

test('another process holds the file for longer than the limit -> the write fails and changes nothing, and works afterwards', () => {
  const { store, context } = harness.open({ configured: true })
  other.exec('begin immediate')
  assert.throws(() => store.setEnabled(false, context), /locked/)
  other.exec('commit')
  assert.deepEqual(store.getSettings(context), { enabled: true, hasToken: false })
  store.setEnabled(false, context)
  assert.deepEqual(store.getSettings(context), { enabled: false, hasToken: false })
})

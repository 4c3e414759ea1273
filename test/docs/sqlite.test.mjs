// Runs the conformance cases on the SQLite store of docs/custom-store.md, with two connections to one file.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { settingsConformance, storeConformance } from 'fastify-scim-token/store-conformance'
import { openDatabase, sqliteStore } from './sqlite-store.mjs'

const [db, other] = [openDatabase('app.db'), openDatabase('app.db')]

function open ({ configured }) {
  const name = randomUUID()
  if (configured) db.prepare('insert into scim_settings (tenant, enabled) values (?, 1)').run(name)
  const options = { tenant: () => name, createdBy: (user) => user.name }
  // Writes on one connection, reads on the other.
  const [{ find, getSettings }, writing] = [sqliteStore(other, options), sqliteStore(db, options)]
  const store = { ...writing, find, getSettings }
  return { store: Object.fromEntries(Object.entries(store).map(([method, call]) => [method, async (...args) => call(...args)])), context: { request: {}, user: { name: 'ada' } } }
}

const harness = {
  open,
  failWrites () {
    db.exec("create trigger broken before insert on scim_audit begin select raise(abort, 'broken'); end")
    return () => { db.exec('drop trigger broken') }
  }
}

for (const { name, run } of [...storeConformance(harness), ...settingsConformance(harness)]) test(name, run)

test('each write -> an audit row, and none of a write that has failed or of a 404', async () => {
  db.exec('delete from scim_audit')
  const { store, context } = open({ configured: true })
  const record = { hash: 'a'.repeat(64), createdAt: new Date() }
  await store.replace(record, context)
  await store.setEnabled(false, context)
  await open({ configured: false }).store.replace(record, context)
  assert.deepEqual(db.prepare('select created_by, event from scim_audit').all().map((row) => ({ ...row })), [
    { created_by: 'ada', event: 'token generated' },
    { created_by: 'ada', event: 'SCIM disabled' }
  ])
})

test('another process holds the file for longer than the limit -> the write fails and changes nothing, and works afterwards', async () => {
  const { store, context } = open({ configured: true })
  other.exec('begin immediate')
  await assert.rejects(store.setEnabled(false, context), /locked/)
  other.exec('commit')
  assert.deepEqual(await store.getSettings(context), { enabled: true, hasToken: false })
  await store.setEnabled(false, context)
  assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: false })
})

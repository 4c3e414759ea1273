// Runs the conformance cases on the SQLite store of docs/custom-store.md, with two connections to one file.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
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

test('several processes open a new file at once -> each of them opens it', async () => {
  // Threads start together better than processes, and SQLite locks the file between both.
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.module).then(({ openDatabase }) => {
      parentPort.postMessage('ready')
      Atomics.wait(workerData.start, 0, 0)
      openDatabase('new.db')
    })`
  const start = new Int32Array(new SharedArrayBuffer(4))
  const workerData = { module: import.meta.resolve('./sqlite-store.mjs'), start }
  const workers = Array.from({ length: 4 }, () => new Worker(code, { eval: true, workerData }))
  const opened = Promise.all(workers.map((worker) => once(worker, 'exit')))
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  Atomics.store(start, 0, 1)
  Atomics.notify(start, 0)
  await assert.doesNotReject(opened)
})

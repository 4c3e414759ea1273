// Runs the conformance cases on the Redis store of docs/custom-store.md.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { settingsConformance, storeConformance } from 'fastify-scim-token/store-conformance'
import { createClient } from 'redis'
import { redisStore } from './redis-store.mjs'

const client = await createClient({ url: process.env.REDIS_URL }).connect()
after(() => client.close())

let beforeScript = async () => {}
const holdable = {
  hExists: (key, field) => client.hExists(key, field),
  hGetAll: (key) => client.hGetAll(key),
  async eval (script, options) {
    await beforeScript()
    return await client.eval(script, options)
  }
}

const harness = {
  async open ({ configured }) {
    const key = randomUUID()
    if (configured) await client.hSet(key, 'enabled', 'true')
    return { key, store: redisStore(holdable, key), context: { request: {}, user: {} } }
  },
  holdWrite (_opened, statement) {
    let skip = statement === 'first' ? 0 : 1
    let release
    const released = new Promise((resolve) => { release = resolve })
    const held = new Promise((resolve) => {
      beforeScript = async () => {
        if (skip-- > 0) return
        beforeScript = async () => {}
        resolve()
        await released
      }
    })
    return { held, release }
  },
  async failWrites () {
    await client.configSet('min-replicas-to-write', '1')
    return async () => { await client.configSet('min-replicas-to-write', '0') }
  }
}

for (const { name, run } of [...storeConformance(harness), ...settingsConformance(harness)]) test(name, run)

test('the key is deleted and made again while a write is held back -> it changes nothing', async () => {
  const { key, store, context } = await harness.open({ configured: true })
  const heldWrite = harness.holdWrite({}, 'last')
  const controller = new AbortController()
  const late = store.replace({ hash: 'a'.repeat(64), createdAt: new Date() }, { ...context, signal: controller.signal })
  await heldWrite.held
  controller.abort()
  await client.del(key)
  await store.setEnabled(true, { ...context, signal: new AbortController().signal })
  const record = { hash: 'b'.repeat(64), createdAt: new Date() }
  await store.replace(record, { ...context, signal: new AbortController().signal })
  heldWrite.release()
  await late.catch(() => {})
  assert.deepEqual(await store.find(), record)
})

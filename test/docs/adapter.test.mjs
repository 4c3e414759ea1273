// Runs the conformance cases through an adapter of docs/databases.md, named by the environment.
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { settingsConformance, storeConformance } from 'fastify-scim-token/store-conformance'
import { postgresMigration, postgresStore } from 'fastify-scim-token/stores/postgres'

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

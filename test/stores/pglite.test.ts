import { randomUUID } from 'node:crypto'
import { PGlite } from '@electric-sql/pglite'
import t from 'tap'
import type { ScimSettingsStore } from '../../lib/index.ts'
import { settingsConformance, storeConformance, type StoreHarness } from '../../lib/stores/conformance.ts'
import { postgresMigration, postgresStore } from '../../lib/stores/postgres.ts'
import { holdable } from '../helpers/hold-statements.ts'
import { createStoreContext } from '../helpers/store-context.ts'

const pglite = await PGlite.create()
t.teardown(() => pglite.close())
await pglite.query(postgresMigration())
await pglite.query(postgresMigration())

const db = holdable(pglite)
const context = await createStoreContext({})
const harness: StoreHarness<object, ScimSettingsStore<object>> = {
  async open ({ configured }) {
    const tenant = randomUUID()
    if (configured) await pglite.query('insert into scim_settings (tenant, enabled) values ($1, true)', [tenant])
    return { store: postgresStore({ db, createdBy: () => 'ada', tenant: () => tenant }), context }
  },
  async failWrites () {
    await pglite.query('alter table scim_token_audit add constraint full_disk check (false) not valid')
    return async () => { await pglite.query('alter table scim_token_audit drop constraint full_disk') }
  },
  holdWrite: (_opened, statement) => db.hold(statement === 'first' ? 1 : 2)
}

for (const { name, run } of [...storeConformance(harness), ...settingsConformance(harness)]) {
  t.test(name, async (t) => { await t.resolves(run()) })
}

import t from 'tap'
import { settingsConformance, storeConformance, type StoreHarness } from '../../lib/stores/conformance.ts'
import type { ScimSettingsStore } from '../../lib/index.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import { createStoreContext } from '../helpers/store-context.ts'

const context = await createStoreContext({})
const harness: StoreHarness<object, ScimSettingsStore<object>> = {
  open: (setup) => ({ store: memoryStore(setup), context })
}

for (const { name, run } of [...storeConformance(harness), ...settingsConformance(harness)]) {
  t.test(name, async (t) => { await t.resolves(run()) })
}

t.test('memoryStore() without options -> SCIM settings exist and are enabled', async (t) => {
  t.strictSame(memoryStore().getSettings(context), { enabled: true, hasToken: false })
})

t.test('a record stored in one memory store -> not found in another', async (t) => {
  const [one, other] = [memoryStore(), memoryStore()]
  t.equal(one.replace({ hash: 'a', createdAt: new Date() }, context), true)
  t.equal(other.find(context), null)
})

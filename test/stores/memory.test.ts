import t from 'tap'
import { storeConformance } from '../../lib/store-conformance.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import { makeRequest } from '../helpers/request.ts'

const request = await makeRequest()
const cases = storeConformance<object>({
  open: (setup) => ({ store: memoryStore(setup), context: { request, user: {} } })
})

for (const { name, run } of cases) {
  t.test(name, async (t) => { await t.resolves(run()) })
}

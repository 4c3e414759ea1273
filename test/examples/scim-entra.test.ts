import t from 'tap'
import { entraRequests } from '../helpers/scim-entra.ts'
import { databases, startProvider } from '../helpers/scim-provider.ts'

for (const database of databases) {
  t.test(`on the ${database} database`, async (t) => {
    await entraRequests(t, await startProvider(t, database))
  })
}

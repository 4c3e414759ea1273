import { buildHost } from './app.ts'
import { readConfig } from './config.ts'
import { listen } from './listen.ts'
import { stopOnSignal } from './stop.ts'

try {
  const config = readConfig(process.env)
  const app = await buildHost(config)
  stopOnSignal(app)
  const address = await listen(app, config)

  // Only the default token is printed; one from the environment is a secret.
  const header = process.env['ADMIN_TOKEN'] ? '"Authorization: $ADMIN_TOKEN"' : `'Authorization: ${config.adminToken}'`
  console.log(`
Generate a SCIM token:

  curl -X POST ${address}/api/admin/scim-settings/generate-new-token -H ${header}

The API is documented at ${address}/docs; Ctrl-C stops the host.
`)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

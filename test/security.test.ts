import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '..')

t.test('each test that SECURITY.md names -> exists', async (t) => {
  const security = await readFile(join(root, 'SECURITY.md'), 'utf8')
  const named = [...security.matchAll(/`(test\/[^`]+)`((?:[:,] "[^"]+")*)/g)]
  t.ok(named.length >= 28)

  const missing = []
  for (const [, file = '', titles = ''] of named) {
    const source = await readFile(join(root, file), 'utf8').catch(() => undefined)
    if (source === undefined) missing.push(file)
    missing.push(...[...titles.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title).filter((title) => !source?.includes(title)))
  }
  t.strictSame(missing, [])
})

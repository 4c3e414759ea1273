/**
 * Mutates lib/ with Stryker. Fails if a surviving mutant is not listed in survivors.ts, or a listed one
 * does not survive. Arguments are passed to Stryker: "-- --mutate lib/token.ts".
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { survivors } from './survivors.ts'

/** The properties used here; see https://github.com/stryker-mutator/mutation-testing-elements/tree/master/packages/report-schema */
interface Report {
  files: Record<string, { source: string, mutants: Mutant[] }>
}

interface Mutant {
  status: 'Killed' | 'Timeout' | 'Survived' | 'NoCoverage'
  replacement: string
  location: { start: Position, end: Position }
}

/** Both count from 1. */
interface Position { line: number, column: number }

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const reportFile = '.tap/mutation/report.json'
const stryker = process.argv.slice(2)

install()
rmSync(reportFile, { force: true })
const status = run()
const { files }: Report = JSON.parse(readFileSync(reportFile, 'utf8'))

const found = Object.entries(files).flatMap(([file, { source, mutants }]) => mutants
  .filter(({ status }) => status === 'Survived' || status === 'NoCoverage')
  .map((mutant) => describe(file, source, mutant)))
const listed = survivors.map(({ file, code, mutant }) => `${file}\n- ${code}\n+ ${mutant}`)
const unlisted = without(found, listed)
// With arguments, only some of them were tried.
const gone = stryker.length > 0 ? [] : without(listed, found)

const total = Object.values(files).reduce((sum, { mutants }) => sum + mutants.length, 0)
for (const mutant of unlisted) console.log(`Survives, but is not in test/mutation/survivors.ts:\n${mutant}\n`)
for (const mutant of gone) console.log(`Is in test/mutation/survivors.ts, but does not survive:\n${mutant}\n`)
console.log(`${total} mutants: ${total - found.length} killed, ${found.length - unlisted.length} survive with a reason, ${unlisted.length} without.`)
process.exitCode = status === 0 && unlisted.length + gone.length === 0 ? 0 : 1

/** Stryker and the Node.js version that it needs have a separate lockfile, so that `npm ci` does not install them. */
function install (): void {
  if (!existsSync(here('node_modules'))) execFileSync('npm', ['ci', '--loglevel=error'], { cwd: here('.'), stdio: 'inherit' })
}

function run (): number | null {
  // Crashed tests leave PostgreSQL data behind. As root, its owner is another user, who must be able to enter this folder.
  const temporary = mkdtempSync(join(tmpdir(), 'scim-token-mutation-'))
  chmodSync(temporary, 0o755)
  const { status, error } = spawnSync('stryker', ['run', here('stryker.config.js'), ...stryker], {
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: here('node_modules/.bin') + delimiter + process.env['PATH'],
      TMPDIR: temporary,
      NODE_COMPILE_CACHE: join(temporary, 'compiled'),
      // Seconds after which a test that hangs because of a mutant is stopped.
      TAP_TIMEOUT: '15'
    }
  })
  rmSync(temporary, { recursive: true })
  if (error) throw error
  return status
}

/** Returns the code that a mutant replaces, and its replacement, whatever their line breaks are. */
function describe (file: string, source: string, { replacement, location: { start, end } }: Mutant): string {
  const lines = source.split('\n')
  const offset = ({ line, column }: Position) => lines.slice(0, line - 1).join('\n').length + Math.min(line - 1, 1) + column - 1
  const inOneLine = (code: string) => code.replace(/\s+/g, ' ').trim()
  return `${file}\n- ${inOneLine(source.slice(offset(start), offset(end)))}\n+ ${inOneLine(replacement)}`
}

/** Returns `all` without one occurrence of each of `some`. */
function without (all: string[], some: string[]): string[] {
  const left = [...all]
  for (const text of some) {
    const i = left.indexOf(text)
    if (i >= 0) left.splice(i, 1)
  }
  return left
}

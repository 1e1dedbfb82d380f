/**
 * What the user wrote for an option that has several names, or that a variable can stand for: errors name that.
 *
 * @param args the command line.
 * @param names of the option, the preferred one last.
 * @param value that it was given.
 * @param variable in the environment that gives the option's default, if one does.
 */
export function typedName(
  args: readonly string[],
  names: readonly string[],
  value: string,
  variable?: string,
): string {
  const end = args.indexOf('--');
  const options = end < 0 ? args : args.slice(0, end);
  const typed = options.findLast((arg, at) =>
    names.some((name) => (arg === name && options[at + 1] === value) || arg === `${name}=${value}`),
  );
  if (typed !== undefined)
    return names.find((name) => typed === name || typed.startsWith(`${name}=`)) ?? typed;
  if (variable !== undefined && process.env[variable] === value) return `${variable} in the environment`;
  return names.at(-1) ?? '';
}

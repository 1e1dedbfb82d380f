/** Fish's side. It takes the words as they were typed, and evaluates none of them. */
export const FISH = `# fish completion for multifd
function __multifd_complete
    set -l typed (commandline -opc)
    set -l current (commandline -ct)
    set -l directive 0
    set -l known 0
    for line in (command multifd complete -- $typed[2..-1] "$current" 2>/dev/null)
        if string match -q -- ':*' $line
            set directive (string sub -s 2 -- $line)
        else
            set known 1
            echo $line
        end
    end
    test $known -eq 1 -o $directive -ge 4; and return
    # A path behind an option or a prefix: --report=x, file:x.
    set -l before (string match -r -- '^(?:--[^=]*=)?(?:[a-z]+:)?' "$current")
    set -l path (string sub -s (math 1 + (string length -- "$before")) -- "$current")
    for found in (__fish_complete_path "$path")
        echo $before$found
    end
end
complete -c multifd -f -k -a '(__multifd_complete)'
`;

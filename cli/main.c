/* main.c - the program `floe`: a table of commands, one file each.
 *
 *     cmd_freeze.c   checkpoint -> frozen graph        cmd_infer.c   engine + pictures or tensors -> answers
 *     cmd_convert.c  frozen graph -> UFF               cmd_info.c    what is in a file
 *     cmd_build.c    frozen graph or UFF -> PLAN       cmd_bench.c   how fast it is
 *     cmd_deploy.c   the same, as the old script
 *
 * Everything they do goes through include/floe.h and include/floe_image.h. Results go to stdout, everything else to
 * stderr; a result that could not be written whole is a failure like any other.
 */
#include "cli.h"

#include "base/names.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const fl_cli_command commands[] = {
    {"freeze", "checkpoint or SavedModel to frozen graph (.pb)", fl_cmd_freeze},
    {"deploy", "frozen graph to PLAN, with the flags of deploy-to-tensorrt.py", fl_cmd_deploy},
    {"infer", "run a PLAN on pictures or on .npy tensors", fl_cmd_infer},
    {"convert", "frozen graph to UFF, with the options of convert-to-uff", fl_cmd_convert},
    {"build", "frozen graph or UFF to PLAN", fl_cmd_build},
    {"info", "what is in a file", fl_cmd_info},
    {"bench", "latency, throughput and the time of each layer", fl_cmd_bench},
};
#define N_COMMANDS (sizeof commands / sizeof *commands)

static void print_help(FILE *to)
{
    fprintf(to, "floe %s - TensorFlow in, fast predictions out\n\nusage: floe COMMAND [flags]\n\n", floe_version());
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(to, "    %-10s %s\n", commands[i].name, commands[i].summary);
    fprintf(to, "    %-10s %s\n\n", "help CMD", "flags and an example of a command; also floe CMD --help");
    fprintf(to, "example:\n"
                "    floe freeze --checkpoint_folder=sample/checkpoint --output_node_names=softmax_tensor \\\n"
                "        --output_graph=model/frozen_model.pb\n"
                "    floe deploy --frozen_file=model/frozen_model.pb --input_placeholder=images_placeholder \\\n"
                "        --dimensions=3,224,224 --output_placeholders=softmax_tensor --file_path=model/model.PLAN\n"
                "    floe infer --plan_file=model/model.PLAN --image_path=images/Car.png\n\n"
                "Exit codes: 0 done, 1 failed, 2 wrong usage.\n");
}

static const fl_cli_command *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static int unknown_command(fl_cli *cli, const char *name)
{
    const char *names[N_COMMANDS];
    floe_error err;
    for (size_t i = 0; i < N_COMMANDS; i++)
        names[i] = commands[i].name;
    const char *guess = fl_nearest_name(name, names, N_COMMANDS);
    const floe_status st = guess ? fl_cli_misuse(cli, &err, "there is no command '%s'; did you mean '%s'?", name, guess)
                                 : fl_cli_misuse(cli, &err, "there is no command '%s'", name);
    return fl_cli_exit(cli, st, &err);
}

static int run(fl_cli *cli, int argc, char **argv)
{
    char help[] = "--help", *help_argv[] = {help, NULL};
    if (argc < 2) {
        print_help(stderr);
        return FL_CLI_USAGE;
    }
    const char *name = argv[1];
    const bool wants_help = !strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h");
    if (wants_help && (argc < 3 || argv[2][0] == '-')) {
        print_help(stdout);
        return FL_CLI_DONE;
    }
    if (!strcmp(name, "--version") || !strcmp(name, "-V") || !strcmp(name, "version")) {
        printf("floe %s\n", floe_version());
        return FL_CLI_DONE;
    }
    const fl_cli_command *command = find_command(wants_help ? argv[2] : name);
    if (!command)
        return unknown_command(cli, wants_help ? argv[2] : name);
    cli->command = command->name;
    return wants_help ? command->run(cli, 1, help_argv) : command->run(cli, argc - 2, argv + 2);
}

/* A program started with 0, 1 or 2 closed would get that number for the next file it opens, and print into it. */
static void occupy_standard_files(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDONLY) != fd)
            _exit(FL_CLI_FAILED);
}

/* The last bytes of stdout fail as late as here. What has failed before was told. */
static int finish_output(fl_cli *cli, int code)
{
    floe_error err;
    floe_status st = fl_cli_flush(&err);
    if (st == FLOE_OK && fclose(stdout) != 0)
        st = fl_fail(&err, FLOE_ERR_IO, "standard output: cannot close: %s", strerror(errno));
    return st != FLOE_OK && code == FL_CLI_DONE ? fl_cli_exit(cli, st, &err) : code;
}

int main(int argc, char **argv)
{
    fl_cli cli = {0};
    occupy_standard_files();
    signal(SIGXFSZ, SIG_IGN); /* past ulimit -f writing fails, as on a full disk, and that is told */
    fl_arena_init(&cli.arena, NULL);
    fl_cli_set_verbosity(&cli, false, false);
    const int code = finish_output(&cli, run(&cli, argc, argv));
    fl_arena_free(&cli.arena);
    return code;
}

/* MuJoCo's own loop, with nothing around it: steps per second, and a number that all three loops must agree in. */
#include <mujoco/mujoco.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int count, char **words) {
    char message[1000] = "";
    mjModel *model = count == 3 ? mj_loadXML(words[1], NULL, message, sizeof message) : NULL;
    if (!model) {
        fprintf(stderr, "usage: mujoco_speed MODEL.xml STEPS %s\n", message);
        return 2;
    }
    mjData *data = mj_makeData(model);
    const double control[4] = {0.02, -0.15, 0.1, 0.8};
    for (int i = 0; i < 4; i++) data->ctrl[i] = control[i];
    long steps = atol(words[2]);
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (long step = 0; step < steps; step++) mj_step(model, data);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double sum = 0, seconds = (end.tv_sec - begin.tv_sec) + 1e-9 * (end.tv_nsec - begin.tv_nsec);
    for (int i = 0; i < model->nq; i++) sum += data->qpos[i];
    printf("%.1f %.17g\n", steps / seconds, sum);
    mj_deleteData(data);
    mj_deleteModel(model);
    return 0;
}
